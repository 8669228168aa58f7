package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Instance is the one daemon of a state directory. The lock on its pid file is held as long as the daemon lives, whatever
// kills it, so that a pid that was left behind, or given to another process since, is never taken for a daemon.
type Instance struct{ path string }

// At is the instance of a state directory, running or not.
func At(stateDir string) Instance {
	return Instance{filepath.Join(stateDir, "kadeploy-server.pid")}
}

// Process is a running daemon.
type Process struct {
	PID    int
	Server string    // HOST:PORT of its remote API; its configuration may say something else by now
	Since  time.Time // when it took the directory
}

// RunningError says that another daemon has the directory.
type RunningError struct {
	PID  int // 0 when it has not written it yet
	Path string
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("already running with pid %d (%s)", e.PID, e.Path)
}

// Running returns the daemon that has the directory, nil when there is none. It disturbs nobody who is just taking it.
func (i Instance) Running() (*Process, error) {
	f, err := os.Open(i.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return nil, fmt.Errorf("pid file: lock of %s: %w", i.path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return nil, nil
	}
	return read(f)
}

// acquire takes the directory for this process. The file stays open, and with it the lock.
func (i Instance) acquire(server string) (*os.File, error) {
	f, err := os.OpenFile(i.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return nil, fmt.Errorf("pid file: lock of %s: %w", i.path, err)
		}
		running := &RunningError{Path: i.path}
		if p, err := read(f); err == nil {
			running.PID = p.PID
		}
		return nil, running
	}
	if err := write(f, server); err != nil {
		f.Close()
		return nil, fmt.Errorf("pid file: %w", err)
	}
	return f, nil
}

// write leaves the pid on the first line, for whoever reads pid files, and the address on the second.
func write(f *os.File, server string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n%s\n", os.Getpid(), server), 0)
	return err
}

func read(f *os.File) (*Process, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 512))
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 {
		return nil, fmt.Errorf("pid file: %s is held by a process, but holds no pid; try again", f.Name())
	}
	return &Process{PID: pid, Server: strings.TrimSpace(rest), Since: info.ModTime()}, nil
}
