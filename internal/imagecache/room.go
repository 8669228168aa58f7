package imagecache

import (
	"cmp"
	"errors"
	"io/fs"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// begin takes up a URL: nobody else fetches it now.
func (c *Cache) begin(from address, report func(done, total int64)) (*download, error) {
	d := &download{Cache: c, from: from, report: report, info: info{Size: -1}}
	c.mu.Lock()
	if r := c.urls[from.key]; r != nil && c.files[r.SHA256] != nil {
		c.files[r.SHA256].pins++ // it may be unchanged, and is answered then
		d.last = r
	}
	d.partial = c.partials[from.key]
	if d.partial == nil {
		d.partial = &partial{}
		c.partials[from.key] = d.partial
	}
	d.partial.active = true
	c.mu.Unlock()
	if i, ok := c.readInfo(from.key); ok && i.URL == from.url.String() {
		d.info, d.marked = i, i.Synced
	}
	return d, nil
}

// reserve sees to it that a file of so many bytes has room, by letting others leave. Less than it has is nothing.
func (d *download) reserve(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size <= d.partial.room {
		return nil
	}
	if size > d.cfg.MaxBytes {
		return &FullError{size, d.cfg.MaxBytes}
	}
	for d.used()-d.partial.room+size > d.cfg.MaxBytes {
		if left, err := d.evict(); err != nil || !left {
			return cmp.Or(err, error(&FullError{size, d.cfg.MaxBytes}))
		}
	}
	d.partial.room = size
	return nil
}

// used is what the cache takes, with what is reserved.
func (c *Cache) used() (n int64) {
	for _, f := range c.files {
		n += f.size
	}
	for _, p := range c.partials {
		n += p.room
	}
	return n
}

// evict lets one leave: of what is not in use, that which was not for the longest time.
func (c *Cache) evict() (left bool, err error) {
	digest, key, oldest := "", "", time.Time{}
	for d, f := range c.files {
		if f.pins <= 0 && (digest == "" || f.used.Before(oldest)) {
			digest, oldest = d, f.used
		}
	}
	for k, p := range c.partials {
		if !p.active && (digest == "" && key == "" || p.used.Before(oldest)) {
			key, oldest = k, p.used
		}
	}
	switch {
	case key != "":
		return true, c.drop(key)
	case digest != "":
		c.cfg.Log.Info("image leaves the cache", "sha256", digest, "bytes", c.files[digest].size)
		return true, c.remove(digest)
	}
	return false, nil
}

// remove takes a file away, and then what is said of it: the other way round a crash would leave what nobody finds.
func (c *Cache) remove(digest string) error {
	if err := ignoreMissing(c.root.Remove(fileName(digest))); err != nil {
		return wording.Bare(err)
	}
	delete(c.files, digest)
	for key, r := range c.urls {
		if r.SHA256 == digest {
			delete(c.urls, key)
			if err := ignoreMissing(c.root.Remove(recordName(key))); err != nil {
				return wording.Bare(err)
			}
		}
	}
	return nil
}

// drop takes away what has come of a file.
func (c *Cache) drop(key string) error {
	delete(c.partials, key)
	return wording.Bare(errors.Join(ignoreMissing(c.root.Remove(partialName(key))), ignoreMissing(c.root.Remove(infoName(key)))))
}

// leave ends a fetch: what has come may leave now.
func (d *download) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letLast()
	d.partial.active, d.partial.room, d.partial.used = false, d.have, d.cfg.Now()
	if d.have == 0 {
		delete(d.partials, d.from.key)
	}
}

// dropLast lets the old file leave: it is not what the URL has any more.
func (d *download) dropLast() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letLast()
}

func (d *download) letLast() {
	if d.last != nil {
		d.files[d.last.SHA256].pins-- // it is pinned, so it is there
		d.last = nil
	}
}

// stays is the end of a fetch whose file is here already.
func (d *download) stays() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[d.last.SHA256].pins++
	return d.last.SHA256, nil
}

// land puts the whole file in its place, pinned, and remembers what its URL has.
func (d *download) land(digest string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.files[digest]
	if have == nil {
		if err := d.place(digest); err != nil {
			return err
		}
		have = &file{size: d.have, used: d.cfg.Now()}
		d.files[digest] = have
	} else if err := ignoreMissing(d.root.Remove(partialName(d.from.key))); err != nil {
		return err
	}
	d.partial.room, d.have = 0, 0
	if err := ignoreMissing(d.root.Remove(infoName(d.from.key))); err != nil {
		return err
	}
	r := &record{URL: d.from.url.String(), ETag: d.info.ETag, SHA256: digest}
	if r.ETag == "" {
		r.Modified = d.info.Validator
	}
	if err := d.write(recordName(d.from.key), r); err != nil {
		return err
	}
	d.urls[d.from.key] = r
	have.pins++
	f := d.f
	d.f = nil
	return f.Close()
}

// forget does not believe any more what a URL had. The file leaves when nothing else is known to be it.
func (c *Cache) forget(from address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.urls[from.key]
	if r == nil {
		return
	}
	delete(c.urls, from.key)
	_ = c.root.Remove(recordName(from.key)) // if it stays, it is asked for as unchanged once more
	for _, other := range c.urls {
		if other.SHA256 == r.SHA256 {
			return
		}
	}
	if f := c.files[r.SHA256]; f != nil && f.pins <= 0 {
		_ = c.remove(r.SHA256)
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
