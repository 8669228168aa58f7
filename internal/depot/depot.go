package depot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config of a depot. Sizes are bytes.
type Config struct {
	Dir        string           // made when missing; one server uses it at a time
	MaxBytes   int64            // of all files and uploads; 64 GiB when 0
	MaxPerUser int64            // of the files and uploads of one owner; 16 GiB when 0
	MaxFile    int64            // of one file; MaxPerUser when 0
	MaxFiles   int              // of one owner, uploads included: many small ones would fill tables, not disks; 1000 when 0
	Keep       time.Duration    // what an upload that has stopped is kept for over a restart; 7 days when 0
	Silence    time.Duration    // after which an upload over HTTP that sends nothing is ended; 30 s when 0
	Now        func() time.Time // time.Now when nil
}

// Bounds that no site needs to change.
const (
	maxWriters      = 64 // uploads under way
	maxOwnerWriters = 8
)

// Depot keeps uploaded files. Its methods may be called from any goroutine.
type Depot struct {
	cfg  Config
	root *os.Root
	lock *os.File

	mu       sync.Mutex
	files    map[Digest]*file
	partials map[key]*partial
	closed   bool
}

// file is a whole one, with those who have sent it.
type file struct {
	size   int64
	owners map[string]*claim
}

// claim is one owner's right to a file.
type claim struct {
	used time.Time
	pins int
}

// Open opens the depot in a directory. What a killed server left is put in order: uploads go on, files without an owner leave.
func Open(c Config) (*Depot, error) {
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<30)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 16<<30)
	c.MaxFile = cmp.Or(c.MaxFile, c.MaxPerUser)
	c.MaxFiles = cmp.Or(c.MaxFiles, 1000)
	c.Keep = cmp.Or(c.Keep, 7*24*time.Hour)
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return nil, fmt.Errorf("uploads: %w", err)
	}
	d := &Depot{cfg: c, files: make(map[Digest]*file), partials: make(map[key]*partial)}
	if err := d.open(); err != nil {
		d.release()
		return nil, fmt.Errorf("uploads in %s: %w", c.Dir, err)
	}
	return d, nil
}

// Limit changes the limits for what comes from now on; as in Config, but without defaults. Nothing leaves until room is wanted.
func (d *Depot) Limit(maxBytes, maxPerUser, maxFile int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg.MaxBytes, d.cfg.MaxPerUser, d.cfg.MaxFile = maxBytes, maxPerUser, maxFile
}

// Close ends the uploads under way and lets go of the directory. What they brought stays and goes on later.
func (d *Depot) Close() error {
	d.mu.Lock()
	d.closed = true
	var writers []*writer
	for _, p := range d.partials {
		if p.writer != nil {
			writers = append(writers, p.writer)
		}
	}
	d.mu.Unlock()
	for _, w := range writers {
		w.cancel(ErrClosed)
	}
	late := time.After(takeover)
	for _, w := range writers {
		select {
		case <-w.done:
		case <-late: // whoever feeds it does not end; what it still writes fails
		}
	}
	return d.release()
}

func (d *Depot) release() error {
	var err error
	if d.root != nil {
		err = d.root.Close()
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// Status says how many bytes of a file are there for an owner, and whether that is all of it and as it should be. An upload
// of it that is under way is ended first, so that the number is right for whoever goes on; ctx bounds the wait for that.
func (d *Depot) Status(ctx context.Context, owner string, digest Digest) (have int64, complete bool, err error) {
	k, err := keyOf(owner, digest)
	if err != nil {
		return 0, false, err
	}
	if err := d.quiet(ctx, k); err != nil { // returns with the lock
		return 0, false, err
	}
	defer d.mu.Unlock()
	if f := d.claimed(k); f != nil {
		return f.size, true, nil
	}
	if p := d.partials[k]; p != nil {
		return p.have, false, nil
	}
	return 0, false, nil
}

// claimed is the file when the owner has sent it.
func (d *Depot) claimed(k key) *file {
	if f := d.files[k.digest]; f != nil && f.owners[k.owner] != nil {
		return f
	}
	return nil
}

// Path is where a file of an owner is, or ErrUnknown. It may leave at any time: see Use.
func (d *Depot) Path(owner string, digest Digest) (string, error) {
	path, release, err := d.Use(owner, digest)
	if err == nil {
		release()
	}
	return path, err
}

// Use is Path for a file that must stay until release is called, by whom it may be called more than once.
func (d *Depot) Use(owner string, digest Digest) (path string, release func(), err error) {
	k, err := keyOf(owner, digest)
	if err != nil {
		return "", nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return "", nil, ErrClosed
	}
	f := d.claimed(k)
	if f == nil {
		return "", nil, ErrUnknown
	}
	c := f.owners[k.owner]
	c.pins++
	d.touch(k, c)
	return filepath.Join(d.cfg.Dir, filepath.FromSlash(fileName(digest))), sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		c.pins--
		if !d.closed {
			d.touch(k, c)
		}
	}), nil
}

// touch remembers the last use, over restarts too; that only orders who leaves first, so a failure costs nothing.
func (d *Depot) touch(k key, c *claim) {
	c.used = d.cfg.Now()
	_ = d.root.Chtimes(k.mark(), c.used, c.used)
}

// InUse says whether an owner's file is held by a Use that was not released.
func (d *Depot) InUse(owner string, digest Digest) bool {
	k, err := keyOf(owner, digest)
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.claimed(k)
	return f != nil && f.owners[k.owner].pins > 0
}
