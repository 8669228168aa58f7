package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// owner is a lab of a process. A process id alone would come round again: it counts only with the time of its start.
type owner struct {
	pid   int
	start uint64 // in clock ticks since the machine's boot
	lab   int64  // which of the process
}

func own(lab int64) (owner, error) {
	start, err := startOf(os.Getpid())
	return owner{os.Getpid(), start, lab}, err
}

// prefix begins the name of every namespace of the lab.
func (o owner) prefix() string { return fmt.Sprintf("netlab-%d-%d-%d-", o.pid, o.start, o.lab) }

// ownerOf reads the owner of a namespace from its name.
func ownerOf(namespace string) (owner, bool) {
	var o owner
	n, _ := fmt.Sscanf(namespace, "netlab-%d-%d-%d-", &o.pid, &o.start, &o.lab)
	return o, n == 3 && o.pid > 0 && strings.HasPrefix(namespace, o.prefix())
}

// Abandoned says that a name is that of a lab whose process is gone, so that what carries it may be removed.
func Abandoned(name string) bool {
	o, ok := ownerOf(name + "-")
	return ok && o.dead()
}

// dead says that the process is gone for certain; while its state cannot be read it is taken for alive.
func (o owner) dead() bool {
	start, err := startOf(o.pid)
	return errors.Is(err, fs.ErrNotExist) || err == nil && start != o.start
}

// startOf reads when a process started, the 22nd field of its stat; the second, its name, may hold anything. One that has ended, and that
// nobody has waited for, does not exist: that may take for ever.
func startOf(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields after the name: want 20", pid, len(fields))
	}
	if fields[0] == "Z" {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
