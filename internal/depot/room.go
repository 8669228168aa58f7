package depot

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// victim is what may leave: a file that nobody uses, one owner's part in it, or an upload that has stopped.
type victim struct {
	used  time.Time
	bytes int64
	drop  func() error
}

func (d *Depot) tooBig(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size > d.cfg.MaxFile {
		return &TooBigError{size, d.cfg.MaxFile}
	}
	return nil
}

// reserve makes room for an upload of size bytes, or says why there is none; then nothing has left. Under the lock.
func (d *Depot) reserve(k key, size int64) error {
	if size > d.cfg.MaxFile {
		return &TooBigError{size, d.cfg.MaxFile}
	}
	count, bytes, victims := d.ofOwner(k)
	if !makesRoom(victims, bytes+size-d.cfg.MaxPerUser, count+1-d.cfg.MaxFiles) {
		return &QuotaError{size, d.cfg.MaxPerUser, d.cfg.MaxFiles}
	}
	// Whether all have room is asked before the owner's own files leave for it, and again after.
	if all, others := d.ofAll(k); !makesRoom(others, all+size-d.cfg.MaxBytes, 0) {
		return &FullError{Size: size}
	}
	if err := evict(victims, bytes+size-d.cfg.MaxPerUser, count+1-d.cfg.MaxFiles); err != nil {
		return diskError(err)
	}
	all, others := d.ofAll(k)
	return diskError(evict(others, all+size-d.cfg.MaxBytes, 0))
}

// ofOwner is what an owner has, the upload k left out.
func (d *Depot) ofOwner(k key) (count int, bytes int64, victims []victim) {
	for digest, f := range d.files {
		c := f.owners[k.owner]
		if c == nil {
			continue
		}
		count, bytes = count+1, bytes+f.size
		if c.pins == 0 {
			victims = append(victims, victim{c.used, f.size, func() error { return d.dropClaim(key{k.owner, digest}) }})
		}
	}
	for other, p := range d.partials {
		if other.owner == k.owner && other != k {
			count, bytes = count+1, bytes+p.size
			victims = d.idle(victims, other, p)
		}
	}
	return count, bytes, victims
}

// ofAll is what the depot has, the upload k left out.
func (d *Depot) ofAll(k key) (bytes int64, victims []victim) {
	for digest, f := range d.files {
		bytes += f.size
		if used, pinned := f.lastUse(); !pinned {
			victims = append(victims, victim{used, f.size, func() error { return d.dropFile(digest) }})
		}
	}
	for other, p := range d.partials {
		if other != k {
			bytes += p.size
			victims = d.idle(victims, other, p)
		}
	}
	return bytes, victims
}

func (d *Depot) idle(victims []victim, k key, p *partial) []victim {
	if p.writer != nil {
		return victims
	}
	return append(victims, victim{p.touched, p.size, func() error { return d.dropPartial(k) }})
}

func (f *file) lastUse() (used time.Time, pinned bool) {
	for _, c := range f.owners {
		if c.used.After(used) {
			used = c.used
		}
		pinned = pinned || c.pins > 0
	}
	return used, pinned
}

// makesRoom says whether the victims are enough.
func makesRoom(victims []victim, bytes int64, count int) bool {
	for _, v := range victims {
		bytes -= v.bytes
	}
	return bytes <= 0 && count <= len(victims)
}

// evict lets victims go, those that were used last the longest time ago first, until enough have gone.
func evict(victims []victim, bytes int64, count int) error {
	slices.SortFunc(victims, func(a, b victim) int { return a.used.Compare(b.used) })
	for _, v := range victims {
		if bytes <= 0 && count <= 0 {
			return nil
		}
		if err := v.drop(); err != nil {
			return err
		}
		bytes, count = bytes-v.bytes, count-1
	}
	return nil
}

// dropClaim takes a file from one owner; with the last one it leaves. The mark goes first: a file without one is found at the
// next start.
func (d *Depot) dropClaim(k key) error {
	f := d.files[k.digest]
	if err := d.remove(k.mark()); err != nil {
		return err
	}
	delete(f.owners, k.owner)
	if len(f.owners) > 0 {
		return nil
	}
	delete(d.files, k.digest)
	return d.remove(fileName(k.digest))
}

func (d *Depot) dropFile(digest Digest) error {
	for owner := range d.files[digest].owners {
		if err := d.dropClaim(key{owner, digest}); err != nil {
			return err
		}
	}
	return nil
}

func (d *Depot) dropPartial(k key) error {
	delete(d.partials, k)
	return d.remove(k.partial())
}

func (d *Depot) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
