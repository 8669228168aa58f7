package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// instance is the one daemon of a state directory. The lock on its pid file is held as long as the daemon lives, whatever kills
// it, so that a pid that was left behind, or given to another process since, is never taken for a daemon.
type instance struct{ path string }

func instanceOf(stateDir string) instance {
	return instance{filepath.Join(stateDir, "kadeploy-server.pid")}
}

// errRunning says that another daemon has the directory.
type errRunning struct {
	pid  int
	path string
}

func (e *errRunning) Error() string {
	return fmt.Sprintf("already running with pid %d (%s)", e.pid, e.path)
}

// acquire takes the directory for this process. The file stays open, and with it the lock.
func (i instance) acquire() (*os.File, error) {
	f, err := os.OpenFile(i.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		pid, _ := i.read()
		return nil, &errRunning{pid, i.path}
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// running returns the pid of the daemon and when it started, 0 when there is none.
func (i instance) running() (pid int, since time.Time, err error) {
	f, err := os.Open(i.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0, time.Time{}, nil // nobody holds it; closing the file gives it back
	}
	info, err := f.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	pid, err = i.read()
	return pid, info.ModTime(), err
}

func (i instance) read() (int, error) {
	f, err := os.Open(i.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no pid", i.path)
	}
	return pid, nil
}
