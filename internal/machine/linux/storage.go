package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// Tree gives / or a directory on a mount of this driver, or, in the deployment system, on that of a pre-install, which is this driver's from then on.
func (d *Driver) Tree(dir string) (machine.Tree, error) {
	if dir == "/" {
		return tree("/")
	}
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	m, ok, err := d.holding(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	if !ok {
		return machine.Tree{}, fmt.Errorf("nothing is mounted on %s", dir)
	}
	d.remember(m)
	real, err := rooted.Dir(m.dir, strings.TrimPrefix(dir, m.dir))
	if err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	t, err := tree(real)
	t.Device = m.device.path
	return t, err
}

// holding is the innermost mount that a directory is on: one of this driver's, or else one of a script of the site. Where the machine runs a
// system of its own, its other mounts are that system's.
func (d *Driver) holding(dir string) (at mount, ok bool, err error) {
	lines, err := readMounts()
	if err != nil {
		return mount{}, false, err
	}
	for _, m := range d.mounted() {
		if on(dir, m.dir) && len(m.dir) > len(at.dir) && there(m.dir, lines) {
			at, ok = m, true
		}
	}
	if ok || d.guest {
		return at, ok, nil
	}
	line, ok := foreign(dir, lines)
	if !ok {
		return mount{}, false, nil
	}
	return mount{line.dir, d.sys.mounted(line)}, true, nil
}

// on says whether a directory is another one or below it.
func on(dir, above string) bool { return dir == above || strings.HasPrefix(dir, above+"/") }

// there says whether a directory is a mount still: a script may have taken it off. The kernel names it without links.
func there(dir string, lines []mountLine) bool {
	real, err := filepath.EvalSymlinks(dir)
	return err == nil && slices.ContainsFunc(lines, func(m mountLine) bool { return m.dir == real })
}

// foreign is the innermost mount that a directory is on, but for those that the deployment system has had from its start.
func foreign(dir string, lines []mountLine) (best mountLine, ok bool) {
	for _, m := range lines {
		if on(dir, m.dir) && !slices.Contains(own, m.dir) && len(m.dir) >= len(best.dir) { // later ones lie above
			best, ok = m, true
		}
	}
	return best, ok
}

// own are the mounts of the deployment system itself.
var own = []string{"/", "/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/tmp"}

// Scratch makes the directory, in memory or on a mount. Links of an image lead to no other place.
func (d *Driver) Scratch(dir string) (machine.Tree, error) {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	m, ok, err := d.holding(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	if !ok && d.guest {
		if err := d.mountMemory(dir); err != nil {
			return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
		}
		return tree(dir)
	}
	at := "/"
	if ok {
		at = m.dir
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
	free, all, err := roomAt(real)
	if err != nil {
		return machine.Tree{}, err
	}
	return machine.Tree{Path: real, Budget: &space{dir: real, room: free}, Devices: true, Room: all}, nil
}

// roomAt is how many bytes root may still write below a directory, and how many the whole file system has for files; 0: it knows no bounds. What
// is in memory must leave the agent some.
func roomAt(dir string) (free, all int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	free, all = int64(st.Bfree)*st.Bsize, int64(st.Blocks)*st.Bsize
	if st.Type != unix.TMPFS_MAGIC && st.Type != unix.RAMFS_MAGIC {
		return free, all, nil
	}
	memory, err := freeMemory()
	if err != nil {
		return 0, 0, err
	}
	memory = max(0, memory-spared)
	if st.Type == unix.RAMFS_MAGIC {
		return memory, 0, nil
	}
	return min(free, memory), all, nil
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
