package depot

import (
	"errors"
	"os"
	"path"
)

// finish ends a writer: a whole file becomes the owner's, a wrong one is thrown away, an unfinished one waits.
func (d *Depot) finish(k key, p *partial, err error) (have int64, _ error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(p.writer.done)
	defer func() { p.writer = nil }()
	have = p.have
	var wrong *DigestError
	switch {
	case errors.As(err, &wrong):
		if drop := d.dropPartial(k); drop != nil {
			return 0, errors.Join(err, diskError(drop))
		}
		return 0, err
	case err == nil && have == p.size:
		err = diskError(d.commit(k, p))
	}
	return have, err
}

// commit makes an upload a file. The mark comes first: a server killed after it finds a mark without a file, removes it, and
// lets the upload, which is whole, end once more.
func (d *Depot) commit(k key, p *partial) error {
	if err := d.mark(k); err != nil {
		return err
	}
	f := d.files[k.digest]
	if f == nil {
		if err := d.place(k); err != nil {
			return errors.Join(err, d.remove(k.mark()))
		}
		f = &file{size: p.size, owners: make(map[string]*claim)}
		d.files[k.digest] = f
	} else if err := d.remove(k.partial()); err != nil { // somebody else has sent the same
		return errors.Join(err, d.remove(k.mark()))
	}
	delete(d.partials, k)
	c := &claim{}
	f.owners[k.owner] = c
	d.touch(k, c)
	return nil
}

func (d *Depot) mark(k key) error {
	dir := path.Join(ownersDir, k.owner)
	if err := d.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := d.root.OpenFile(k.mark(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), d.syncDir(dir), d.syncDir(ownersDir))
}

// place moves an upload, whose bytes are safe, to where its file is. When that cannot be made safe the upload is lost.
func (d *Depot) place(k key) error {
	to := fileName(k.digest)
	if err := d.root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return err
	}
	if err := d.root.Rename(k.partial(), to); err != nil {
		return err
	}
	if err := errors.Join(d.syncDir(path.Dir(to)), d.syncDir(filesDir), d.syncDir(partialDir)); err != nil {
		return errors.Join(err, d.remove(to), d.dropPartial(k))
	}
	return nil
}

func (d *Depot) syncDir(name string) error {
	dir, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
