package dirdisk

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// capacity counts the bytes below some directories. It implements archive.Budget.
type capacity struct {
	limit int64
	dirs  []string

	mu    sync.Mutex
	used  int64
	known bool // used was counted; before that nobody has asked
}

// Take fails when n more bytes do not fit; nothing is taken then.
func (c *capacity) Take(n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.count(); err != nil {
		return err
	}
	if c.used+n > c.limit {
		return c.full(c.used + n)
	}
	c.used += n
	return nil
}

// Give returns what was removed.
func (c *capacity) Give(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= n
}

// forget has the next Take count again.
func (c *capacity) forget() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
}

// recount looks again after others have written, and fails when they wrote too much. A nil capacity holds everything.
func (c *capacity) recount() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
	if err := c.count(); err != nil {
		return err
	}
	if c.used > c.limit {
		return c.full(c.used)
	}
	return nil
}

func (c *capacity) full(wanted int64) error {
	return fmt.Errorf("%w: %d bytes on a sandbox disk of %d", unix.ENOSPC, wanted, c.limit)
}

func (c *capacity) count() error {
	if c.known {
		return nil
	}
	c.used = 0
	for _, dir := range c.dirs {
		n, err := usage(dir)
		if err != nil {
			return fmt.Errorf("sandbox disk: count what is used: %w", err)
		}
		c.used += n
	}
	c.known = true
	return nil
}

// usage counts as archive.Extract does: an inode for each entry, and the data of files but for their holes. A file with
// several names counts once. A directory that is missing holds nothing.
func usage(dir string) (int64, error) {
	var sum int64
	seen := make(map[uint64]bool)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		sum += archive.EntryCost
		if !e.Type().IsRegular() {
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Nlink > 1 {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		sum += min(st.Size, st.Blocks*512)
		return nil
	})
	if missing(err) {
		return 0, nil
	}
	return sum, err
}
