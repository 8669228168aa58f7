package linux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckDevice implements machine.Guard.
func (d *Driver) CheckDevice(ctx context.Context, device string) error {
	b, err := d.find(ctx, device)
	if err != nil {
		return err
	}
	return d.refuse(b)
}

// refuse says why a disk or a partition must not be written: it holds what runs. Of a partition, only what is in the way of that one
// counts; a table is the whole disk's.
func (d *Driver) refuse(b block) error {
	parts := d.parts(b)
	for _, part := range parts {
		if names := d.sys.holders(part); len(names) > 0 {
			return fmt.Errorf("%s is part of %s, which is in use; stop it first", part.path, list(names))
		}
	}
	return d.busy(parts)
}

// busy says which of the devices the running system uses itself, and how.
func (d *Driver) busy(devices []block) error {
	ours := d.mounted()
	table, err := readMounts()
	if err != nil {
		return fmt.Errorf("what is mounted? %w", err)
	}
	swaps, err := readSwaps()
	if err != nil {
		return fmt.Errorf("what is swapped to? %w", err)
	}
	for _, part := range devices {
		if slices.ContainsFunc(swaps, func(file string) bool { return sameDevice(file, part) }) {
			return fmt.Errorf("%s is swap space of the running system", part.path)
		}
		for _, m := range table {
			if !m.of(part) || slices.ContainsFunc(ours, func(o mount) bool { return o.dir == m.dir }) {
				continue
			}
			return fmt.Errorf("%s is mounted on %s by the running system: a disk that is in use is not written", part.path, m.dir)
		}
	}
	return nil
}

// parts is a partition itself, or a disk with all its partitions.
func (d *Driver) parts(b block) []block {
	if b.number != 0 {
		return []block{b}
	}
	return append(d.sys.partitions(b.name), b)
}

func (d *Driver) paths(b block) (all []string) {
	for _, part := range d.parts(b) {
		all = append(all, part.path)
	}
	return all
}

// mountLine is a line of /proc/self/mountinfo (proc(5)).
type mountLine struct {
	major, minor uint32
	dir, source  string
}

// of says whether the mount is of the device. The numbers tell, but for file systems that have numbers of their own (btrfs).
func (m mountLine) of(b block) bool {
	return m.major == b.major && m.minor == b.minor || m.major == 0 && strings.HasPrefix(m.source, "/") && sameDevice(m.source, b)
}

func sameDevice(file string, b block) bool {
	var st unix.Stat_t
	return unix.Stat(file, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == unix.Mkdev(b.major, b.minor)
}

func readMounts() ([]mountLine, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mountLine
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, lines.Err()
}

func parseMount(line string) (m mountLine, err error) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 5 || len(right) < 2 {
		return m, fmt.Errorf("/proc/self/mountinfo: cannot read %q", line)
	}
	if _, err := fmt.Sscanf(left[2], "%d:%d", &m.major, &m.minor); err != nil {
		return m, fmt.Errorf("/proc/self/mountinfo: cannot read %q", line)
	}
	m.dir, m.source = unescape.Replace(left[4]), unescape.Replace(right[1])
	return m, nil
}

// unescape undoes what the kernel does to blanks.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// readSwaps lists the files and devices in /proc/swaps. A kernel without swap has none.
func readSwaps() ([]string, error) {
	text, err := os.ReadFile("/proc/swaps")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var files []string
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if words := strings.Fields(line); i > 0 && len(words) > 0 {
			files = append(files, unescape.Replace(words[0]))
		}
	}
	return files, err
}
