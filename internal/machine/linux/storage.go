package linux

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// Tree gives / or a directory on one of this driver's mounts.
func (d *Driver) Tree(dir string) (machine.Tree, error) {
	if dir == "/" {
		return tree("/")
	}
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	at, ok := d.holding(dir)
	if !ok {
		return machine.Tree{}, fmt.Errorf("nothing is mounted on %s", dir)
	}
	real, err := rooted.Dir(at, strings.TrimPrefix(dir, at))
	if err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	return tree(real)
}

// holding is the innermost of this driver's mounts that a directory is on.
func (d *Driver) holding(dir string) (at string, ok bool) {
	for _, m := range d.mounted() {
		if (dir == m.dir || strings.HasPrefix(dir, m.dir+"/")) && len(m.dir) > len(at) {
			at, ok = m.dir, true
		}
	}
	return at, ok
}

// Scratch makes the directory, in memory or on a mount. Links of an image lead to no other place.
func (d *Driver) Scratch(dir string) (machine.Tree, error) {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	at, ok := d.holding(dir)
	if !ok && d.guest {
		if err := d.mountMemory(dir); err != nil {
			return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
		}
		return tree(dir)
	}
	if !ok {
		at = "/"
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return machine.Tree{}, err
	}
	defer root.Close()
	name := strings.Trim(strings.TrimPrefix(dir, at), "/")
	if name == "" {
		return tree(at)
	}
	if err := root.MkdirAll(name, 0o755); err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	real, err := rooted.Dir(at, name)
	if err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	return tree(real)
}

func tree(real string) (machine.Tree, error) {
	room, err := roomAt(real)
	if err != nil {
		return machine.Tree{}, err
	}
	return machine.Tree{Path: real, Budget: &space{dir: real, room: room}, Devices: true}, nil
}

// roomAt is how many bytes root may still write below a directory. What is in memory must leave the agent some.
func roomAt(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	room := int64(st.Bfree) * st.Bsize
	if st.Type != unix.TMPFS_MAGIC && st.Type != unix.RAMFS_MAGIC {
		return room, nil
	}
	free, err := freeMemory()
	if err != nil {
		return 0, err
	}
	free = max(0, free-spared)
	if st.Type == unix.RAMFS_MAGIC { // which knows no bounds
		return free, nil
	}
	return min(room, free), nil
}

// spared is the memory that archives leave to the agent, its chain and the tools.
const spared = 64 << 20

// freeMemory is MemAvailable of /proc/meminfo, in bytes.
func freeMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemAvailable")
}

// space is the room that was free when a tree was opened. It implements archive.Budget: an image that cannot fit fails at the file that
// would not, with numbers, before the file system is full to the last block.
type space struct {
	dir string

	mu   sync.Mutex
	room int64
}

func (s *space) Take(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.room {
		return fmt.Errorf("%w: %d bytes more, and %s has room for %d", unix.ENOSPC, n, s.dir, s.room)
	}
	s.room -= n
	return nil
}

func (s *space) Give(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
}
