package deploysystem

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// program is what to start. Its standard files are the console's unless it has others.
type program struct {
	args  []string
	files []*os.File
	env   []string
	sys   *syscall.SysProcAttr
}

// children are the processes of process 1: those it has started, and the orphans of the whole system, which it must reap. Nothing
// here may be waited for by os/exec, whose children would be reaped under its hands.
type children struct {
	mu    sync.Mutex
	ended map[int]chan unix.WaitStatus // of those that somebody waits for
}

func newChildren() *children { return &children{ended: map[int]chan unix.WaitStatus{}} }

// start runs a program. The channel has its status when it has ended.
func (c *children) start(p program) (pid int, ended <-chan unix.WaitStatus, err error) {
	attr := &os.ProcAttr{Dir: "/", Files: p.files, Env: append(os.Environ(), p.env...), Sys: p.sys}
	if attr.Files == nil {
		attr.Files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	}
	c.mu.Lock() // it is not reaped before it is known
	defer c.mu.Unlock()
	started, err := os.StartProcess(p.args[0], p.args, attr)
	if err != nil {
		return 0, nil, err
	}
	defer started.Release()
	done := make(chan unix.WaitStatus, 1)
	c.ended[started.Pid] = done
	return started.Pid, done, nil
}

// run starts a program and waits for its end.
func (c *children) run(p program) (unix.WaitStatus, error) {
	_, ended, err := c.start(p)
	if err != nil {
		return 0, err
	}
	return <-ended, nil
}

// reap takes the dead off the list of processes, for ever.
func (c *children) reap() {
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, unix.SIGCHLD)
	for {
		for c.reapOne() {
		}
		<-dead
	}
}

// reapOne says whether there was one.
func (c *children) reapOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err != nil || pid <= 0 {
		return err == unix.EINTR
	}
	if done := c.ended[pid]; done != nil {
		done <- status
		delete(c.ended, pid)
	}
	return true
}
