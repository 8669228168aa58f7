package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// watcher is a process that removes a lab whose own process has died without closing it: its machines would run on. It is this very
// program again (see PlayRole), in a session of its own, for a signal to the lab's group shall not end it.
type watcher struct {
	cmd  *exec.Cmd
	life io.Closer // the end of a pipe that nobody else holds: the watcher sees it go
}

// watch starts the watcher of the lab, which was made in dir ("": os.TempDir()).
func (l *Lab) watch(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w := &watcher{cmd: exec.Command(self, filepath.Base(l.Dir), dir)}
	w.cmd.Env = append(os.Environ(), roleVariable+"=watch")
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if w.life, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return fmt.Errorf("start the lab's watcher: %w", err)
	}
	l.watcher = w
	return nil
}

// dismiss ends the watcher of a lab that is removed.
func (l *Lab) dismiss() error {
	if l.watcher == nil {
		return nil
	}
	err := errors.Join(l.watcher.cmd.Process.Kill(), l.watcher.life.Close())
	l.watcher.cmd.Wait()
	l.watcher = nil
	return err
}

// removeAfter waits for the end of the process whose lab has that name, and removes what it left in dir.
func removeAfter(name, dir string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for !netlab.Abandoned(name) { // files are closed a moment before a process has ended
		time.Sleep(10 * time.Millisecond)
	}
	return Clean(dir)
}
