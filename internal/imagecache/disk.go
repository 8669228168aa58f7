package imagecache

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
)

func (c *Cache) cut(name string, size int64) error {
	f, err := c.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func (c *Cache) readInfo(key string) (info, bool) {
	var i info
	err := c.read(infoName(key), &i)
	return i, err == nil
}

func (c *Cache) read(name string, into any) error {
	f, err := c.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInfo))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// write replaces a record, whole or not at all.
func (c *Cache) write(name string, what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	f, err := c.root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, c.root.Remove(name+tempSuffix))
	}
	if err := c.root.Rename(name+tempSuffix, name); err != nil {
		return err
	}
	return c.syncDir(path.Dir(name))
}

// place makes a partial file a whole one.
func (d *download) place(digest string) error {
	name := fileName(digest)
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	if err := d.root.Rename(partialName(d.from.key), name); err != nil {
		return err
	}
	return errors.Join(d.syncDir(path.Dir(name)), d.syncDir(filesDir))
}

// syncDir makes renamings of a directory survive a power cut.
func (c *Cache) syncDir(dir string) error {
	f, err := c.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
