package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const namespaceDir = "/run/netns" // where ip keeps them

// namespaces lists the names of all, of whoever.
func namespaces() (names []string, err error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, fs.ErrNotExist) { // nobody ever made one
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func withPrefix(names []string, prefix string) (some []string) {
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			some = append(some, name)
		}
	}
	return some
}

// RemoveAbandoned removes the namespaces of the labs whose process is dead, with all that runs in them. New does it, too.
func RemoveAbandoned() error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	var abandoned []string
	for _, name := range names {
		if o, ok := ownerOf(name); ok && o.dead() {
			abandoned = append(abandoned, name)
		}
	}
	return remove(abandoned)
}

// remove kills the processes in the namespaces, and then removes these. One that somebody else has just removed is no error.
func remove(names []string) error {
	if len(names) == 0 {
		return nil
	}
	failures := []error{killInside(names)}
	for _, name := range names {
		err := inOrder(ip("netns", "del", name))
		if _, gone := os.Stat(filepath.Join(namespaceDir, name)); errors.Is(gone, fs.ErrNotExist) {
			continue
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// killInside kills every process in the namespaces, again and again, as some may be forking, until there is none left.
func killInside(names []string) error {
	inside := make(map[fileID]bool)
	for _, name := range names {
		if id, err := identify(filepath.Join(namespaceDir, name)); err == nil {
			inside[id] = true
		}
	}
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		found, err := killAll(inside)
		if err != nil || found == 0 {
			return err
		}
		if time.Since(start) > killPatience {
			return fmt.Errorf("%d processes in the namespaces do not end", found)
		}
	}
}

const killPatience = 10 * time.Second

func killAll(inside map[fileID]bool) (found int, err error) {
	processes, err := os.ReadDir("/proc")
	for _, p := range processes {
		if pid, err := strconv.Atoi(p.Name()); err == nil && killIf(pid, inside) {
			found++
		}
	}
	return found, err
}

// killIf kills the process if it is in one of the namespaces, and says if it was. The handle is taken before the look,
// so a process that gets the same id meanwhile is not hit.
func killIf(pid int, inside map[fileID]bool) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	id, err := identify(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil || !inside[id] { // a dead one that nobody has waited for has no namespace any more
		return false
	}
	p.Signal(syscall.SIGKILL)
	return true
}

// fileID tells a namespace from all others.
type fileID struct{ dev, ino uint64 }

func identify(path string) (fileID, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return fileID{}, err
	}
	return fileID{uint64(st.Dev), st.Ino}, nil
}
