package imagecache

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Config of a cache.
type Config struct {
	Dir      string         // made when missing; one server uses it at a time
	MaxBytes int64          // of all files and of what is on its way; 64 GiB when 0
	Silence  time.Duration  // of a server, after which another try is made; 30 s when 0
	Tries    int            // in a row that bring nothing; 5 when 0
	Pause    time.Duration  // before the second try; it grows with each; 1 s when 0
	RootCAs  *x509.CertPool // who vouches for servers; nil: who does so on this machine
	Now      func() time.Time
	Log      *slog.Logger
}

// maxFetches are under way at once; more wait.
const maxFetches = 8

// Cache keeps fetched files. Its methods may be called from any goroutine.
type Cache struct {
	cfg     Config
	root    *os.Root
	lock    *os.File
	http    *http.Client
	slots   chan struct{}
	flights flights

	mu       sync.Mutex
	files    map[string]*file // by digest
	urls     map[string]*record
	partials map[string]*partial
}

// file is a whole one.
type file struct {
	size int64
	pins int
	used time.Time
}

// partial is what has come of a file, by the key of its URL.
type partial struct {
	room   int64 // bytes that are reserved for it, or that it takes when nobody fetches
	active bool
	used   time.Time
}

// Want is what somebody wants.
type Want struct {
	URL    string // http or https, without user and password
	SHA256 string // hexadecimal; "": whatever is there now
}

// File is a whole file. It stays until it is released.
type File struct {
	Path    string
	SHA256  string // hexadecimal
	Size    int64  // bytes
	Release func() // may be called more than once
}

// Open opens the cache in a directory. What a killed server left is put in order: fetches can go on, and what was held can be held
// again.
func Open(c Config) (*Cache, error) {
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<30)
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	c.Tries = cmp.Or(c.Tries, 5)
	c.Pause = cmp.Or(c.Pause, time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return nil, fmt.Errorf("image cache: %w", err)
	}
	k := &Cache{
		cfg: c, http: newClient(c), slots: make(chan struct{}, maxFetches),
		files: make(map[string]*file), urls: make(map[string]*record), partials: make(map[string]*partial),
	}
	if err := k.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("image_cache %s: %w", c.Dir, err), k.release())
	}
	return k, nil
}

// Limit changes MaxBytes. Nothing leaves until room is wanted.
func (c *Cache) Limit(maxBytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.MaxBytes = maxBytes
}

// Close ends the fetches under way, waits for them, and lets go of the directory. What they brought stays and goes on later.
func (c *Cache) Close() error {
	c.flights.close()
	c.http.CloseIdleConnections()
	return c.release()
}

func (c *Cache) release() error {
	var err error
	if c.root != nil {
		err = c.root.Close()
	}
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// Fetch brings a file and holds it. When the digest that is wanted is what the URL had last, nobody is asked; else its server is
// asked whether what is here is still what it has. The error is one line that names the URL, without its query.
//
// progress may be nil; it is called with the bytes that are here and the size (0: not known), never twice at once and never after
// Fetch has returned.
func (c *Cache) Fetch(ctx context.Context, w Want, progress func(done, total int64)) (*File, error) {
	from, err := parseURL(w.URL)
	if err != nil {
		return nil, err
	}
	want := strings.ToLower(w.SHA256)
	if f := c.known(from, want); f != nil {
		return f, nil
	}
	f, err := c.flights.do(ctx, from.key, progress, fetching{
		bring: func(ctx context.Context, report func(done, total int64)) (string, error) {
			return c.bring(ctx, from, report)
		},
		hold: func(digest string) *File { return c.hold(from, digest) },
		let:  func(digest string) { c.unpin(digest) },
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	if want != "" && want != f.SHA256 {
		f.Release()
		c.forget(from) // what was spoiled on its way must not be asked for as unchanged
		return nil, fmt.Errorf("%s: %w", from, &DigestError{Want: want, Got: f.SHA256})
	}
	return f, nil
}

// Hold holds a file that is here, whatever its URL has by now; nil when it is not.
func (c *Cache) Hold(digest string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files[digest] == nil {
		return nil
	}
	return c.pin(digest)
}

// bring fetches in one of the slots and returns the digest of the file, pinned.
func (c *Cache) bring(ctx context.Context, from address, report func(done, total int64)) (string, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	d, err := c.begin(from, report)
	if err != nil {
		return "", err
	}
	return d.run(ctx)
}

// known holds a file that a URL is known to have, when exactly that is wanted.
func (c *Cache) known(from address, want string) *File {
	c.mu.Lock()
	r := c.urls[from.key]
	match := want != "" && r != nil && r.SHA256 == want && c.files[want] != nil
	if match {
		c.files[want].pins++
	}
	c.mu.Unlock()
	if !match {
		return nil
	}
	defer c.unpin(want)
	return c.hold(from, want)
}

// hold is another pin on a file that is pinned.
func (c *Cache) hold(from address, digest string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touch(from.key, c.files[digest])
	return c.pin(digest)
}

// pin holds a file that is here.
func (c *Cache) pin(digest string) *File {
	f := c.files[digest]
	f.pins++
	return &File{
		Path: filepath.Join(c.cfg.Dir, filepath.FromSlash(fileName(digest))), SHA256: digest, Size: f.size,
		Release: sync.OnceFunc(func() { c.unpin(digest) }),
	}
}

func (c *Cache) unpin(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.files[digest]; f != nil {
		f.pins--
		f.used = c.cfg.Now()
	}
}

// touch remembers the last use, over restarts too; that only orders who leaves first, so a failure costs nothing.
func (c *Cache) touch(key string, f *file) {
	f.used = c.cfg.Now()
	_ = c.root.Chtimes(recordName(key), f.used, f.used)
}
