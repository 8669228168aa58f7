package imagecache

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// keep is how long what has come of a file stays over a restart.
const keep = 7 * 24 * time.Hour

const maxInfo = 16 << 10 // bytes of a record

// record is what was at a URL.
type record struct {
	URL      string
	ETag     string // "": its server has none
	Modified string // the date of its last change instead, if that tells it from any other; ""
	SHA256   string
}

// info is what a partial file is a part of.
type info struct {
	URL       string
	Validator string // for If-Range; "": it cannot be gone on with
	ETag      string
	Size      int64 // bytes of the whole; -1: not known
	Synced    int64 // bytes of the part that survive a power cut
}

// open takes the directory and reads what is in it. Only names that the cache makes are touched.
func (c *Cache) open() (err error) {
	if err = os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return wording.Bare(err)
	}
	if c.root, err = os.OpenRoot(c.cfg.Dir); err != nil {
		return wording.Bare(err)
	}
	if c.lock, err = c.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return wording.Bare(err)
	}
	if err = unix.Flock(int(c.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.New("another server uses this directory: stop it, or set image_cache")
	}
	for _, dir := range []string{filesDir, urlsDir, partialDir} {
		if err = c.root.MkdirAll(dir, 0o700); err != nil {
			return wording.Bare(err)
		}
	}
	for _, read := range []func() error{c.readFiles, c.readURLs, c.readPartials} {
		if err = read(); err != nil {
			return wording.Bare(err)
		}
	}
	return nil
}

// list is what a directory has of a kind.
func (c *Cache) list(dir string, dirs bool) ([]fs.FileInfo, error) {
	f, err := c.root.Open(dir)
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
		if err != nil {
			return nil, err
		}
		if dirs && e.IsDir() || !dirs && e.Type().IsRegular() {
			kept = append(kept, info)
		}
	}
	return kept, nil
}

func (c *Cache) readFiles() error {
	dirs, err := c.list(filesDir, true)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		infos, err := c.list(path.Join(filesDir, dir.Name()), false)
		if err != nil {
			return err
		}
		for _, f := range infos {
			if digestForm.MatchString(f.Name()) && f.Name()[:2] == dir.Name() {
				c.files[f.Name()] = &file{size: f.Size()}
			}
		}
	}
	return nil
}

// readURLs reads the records. What cannot be read, or is of no file, leaves. A file that no URL is known of is the first to leave when room is
// wanted; until then somebody may go on with it.
func (c *Cache) readURLs() error {
	infos, err := c.list(urlsDir, false)
	if err != nil {
		return err
	}
	for _, i := range infos {
		name := strings.TrimSuffix(i.Name(), tempSuffix)
		if !digestForm.MatchString(name) {
			continue
		}
		var r record
		if name == i.Name() && c.read(recordName(name), &r) == nil && c.files[r.SHA256] != nil {
			if a, err := parseURL(r.URL); err == nil && a.key == name {
				f := c.files[r.SHA256]
				if f.used.Before(i.ModTime()) {
					f.used = i.ModTime()
				}
				c.urls[name] = &r
				continue
			}
		}
		if err := c.root.Remove(path.Join(urlsDir, i.Name())); err != nil {
			return err
		}
	}
	return nil
}

// readPartials keeps what can be gone on with, as far as it survives a power cut.
func (c *Cache) readPartials() error {
	infos, err := c.list(partialDir, false)
	if err != nil {
		return err
	}
	for _, i := range infos {
		name := strings.TrimSuffix(strings.TrimSuffix(i.Name(), tempSuffix), infoSuffix)
		if !digestForm.MatchString(name) || c.partials[name] != nil {
			continue
		}
		part, err := c.root.Lstat(partialName(name))
		known, ok := c.readInfo(name)
		if err == nil && ok && known.Validator != "" && known.Synced > 0 && known.Synced <= part.Size() && c.cfg.Now().Sub(part.ModTime()) < keep {
			if err := c.cut(partialName(name), known.Synced); err != nil {
				return err
			}
			c.partials[name] = &partial{room: known.Synced, used: part.ModTime()}
			continue
		}
		for _, leftover := range []string{partialName(name), infoName(name), infoName(name) + tempSuffix} {
			if err := ignoreMissing(c.root.Remove(leftover)); err != nil {
				return err
			}
		}
	}
	return nil
}
