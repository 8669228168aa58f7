package depot

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// open takes the directory and reads what is in it. Only names that the depot makes are touched.
func (d *Depot) open() (err error) {
	if err = os.MkdirAll(d.cfg.Dir, 0o700); err != nil {
		return wording.Bare(err)
	}
	if d.root, err = os.OpenRoot(d.cfg.Dir); err != nil {
		return wording.Bare(err)
	}
	if d.lock, err = d.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return wording.Bare(err)
	}
	if err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.New("another server uses this directory: stop it, or set upload_dir")
	}
	for _, dir := range []string{filesDir, ownersDir, partialDir} {
		if err = d.root.MkdirAll(dir, 0o700); err != nil {
			return wording.Bare(err)
		}
	}
	if err = d.readFiles(); err == nil {
		err = d.readOwners()
	}
	if err == nil {
		err = d.dropOrphans()
	}
	if err == nil {
		err = d.readPartials()
	}
	return wording.Bare(err)
}

// list is what a directory has, without what is none of ours by its kind.
func (d *Depot) list(dir string, wantDir bool) ([]fs.FileInfo, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var kept []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info() // does not follow links
		switch {
		case err != nil:
			return nil, err
		case wantDir && e.IsDir(), !wantDir && e.Type().IsRegular():
			kept = append(kept, info)
		}
	}
	return kept, nil
}

func (d *Depot) readFiles() error {
	dirs, err := d.list(filesDir, true)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		infos, err := d.list(path.Join(filesDir, dir.Name()), false)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if digest, err := ParseDigest(info.Name()); err == nil && info.Name()[:2] == dir.Name() {
				d.files[digest] = &file{size: info.Size(), owners: make(map[string]*claim)}
			}
		}
	}
	return nil
}

// readOwners reads the marks. One without a file was made by an upload that was killed before its last step.
func (d *Depot) readOwners() error {
	dirs, err := d.list(ownersDir, true)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !isOwnerName(dir.Name()) {
			continue
		}
		infos, err := d.list(path.Join(ownersDir, dir.Name()), false)
		if err != nil {
			return err
		}
		for _, info := range infos {
			digest, err := ParseDigest(info.Name())
			if err != nil {
				continue
			}
			if f := d.files[digest]; f != nil {
				f.owners[dir.Name()] = &claim{used: info.ModTime()}
				continue
			}
			if err := d.root.Remove((key{dir.Name(), digest}).mark()); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropOrphans removes files whose last mark was removed by a server that was killed then.
func (d *Depot) dropOrphans() error {
	for digest, f := range d.files {
		if len(f.owners) > 0 {
			continue
		}
		if err := d.root.Remove(fileName(digest)); err != nil {
			return err
		}
		delete(d.files, digest)
	}
	return nil
}

// readPartials keeps what may go on. What is whole already, or has lain for too long, leaves.
func (d *Depot) readPartials() error {
	infos, err := d.list(partialDir, false)
	if err != nil {
		return err
	}
	for _, info := range infos {
		k, ours := parsePartial(info.Name())
		switch {
		case !ours:
		case d.claimed(k) != nil, d.cfg.Now().Sub(info.ModTime()) > d.cfg.Keep:
			if err := d.root.Remove(k.partial()); err != nil {
				return err
			}
		default:
			d.partials[k] = &partial{have: info.Size(), size: info.Size(), touched: info.ModTime()}
		}
	}
	return nil
}
