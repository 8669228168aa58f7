package outfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Draft is a regular file under way, under another name beside its place. Exactly one of Commit and Discard decides.
type Draft struct {
	file  *os.File
	place string

	mu   sync.Mutex
	over bool
}

// Create opens a draft. A file that is there already and may not be written is an error, although it could be replaced.
func (p Place) Create() (*Draft, error) {
	if f, err := os.OpenFile(p.Path, os.O_WRONLY, 0); err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, wording.Bare(err)
	}
	f, err := os.OpenFile(fmt.Sprintf("%s.%s.tmp", p.Path, rand.Text()[:8]), os.O_WRONLY|os.O_CREATE|os.O_EXCL, p.mode)
	if err != nil {
		return nil, wording.Bare(err)
	}
	return &Draft{file: f, place: p.Path}, nil
}

// Write implements io.Writer.
func (d *Draft) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	return n, wording.Bare(err)
}

// Commit puts the draft in its place; durably, when sync is set. After an error it is discarded.
func (d *Draft) Commit(sync bool) error {
	var err error
	if sync {
		err = d.file.Sync()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return errors.New("the file was given up")
	}
	d.over = true
	if err = errors.Join(err, d.file.Close()); err == nil {
		err = os.Rename(d.file.Name(), d.place)
	}
	if err != nil {
		os.Remove(d.file.Name())
		return wording.Bare(err)
	}
	if sync {
		return syncDir(filepath.Dir(d.place))
	}
	return nil
}

// Discard removes the draft. It may be called while others write or commit; after Commit it does nothing.
func (d *Draft) Discard() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	d.over = true
	d.file.Close()
	os.Remove(d.file.Name())
}

// syncDir makes a rename durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return wording.Bare(err)
	}
	return wording.Bare(errors.Join(dir.Sync(), dir.Close()))
}
