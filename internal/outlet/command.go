package outlet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/process"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// stderrGrace is how long a command's standard error is read on after its death: a program that it left behind may hold it.
const stderrGrace = time.Second

// command is a shell line with the data on its standard input.
type command struct {
	line   string
	stdout *os.File
	stderr io.Writer
	last   process.Tail

	once      sync.Once // starts it
	startErr  error
	satisfied bool // it reads no more; its exit code will tell whether it is content
	done      chan struct{}
	err       error // after done

	mu      sync.Mutex
	stdin   *os.File // our end of the pipe
	pid     int      // of the group's leader while it may be killed; 0 otherwise
	aborted bool
}

// Command is an outlet that runs `/bin/sh -c line`, with the first byte, in a process group of its own. It has taken the data when it
// exits 0: one that stops reading early and exits 0 is content with what it has read. Otherwise the error says how it ended and ends
// with the last line it wrote to its standard error. Abort kills the group before its standard input ends, so that a command never
// takes a part for the whole; so does the death of this process, as far as the shell itself is concerned.
func Command(line string, stdout *os.File, stderr io.Writer) Outlet {
	return &command{line: line, stdout: stdout, stderr: stderr, done: make(chan struct{})}
}

// start runs the command once.
func (c *command) start() error {
	c.once.Do(func() {
		theirs, ours, err := os.Pipe()
		if err != nil {
			c.startErr = err
			return
		}
		defer theirs.Close()
		started := make(chan error)
		go c.run(theirs, ours, started)
		if c.startErr = <-started; c.startErr != nil {
			ours.Close()
		}
	})
	return c.startErr
}

// run starts and awaits the shell on one thread: the death signal goes off when the thread that started it ends.
func (c *command) run(theirs, ours *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/sh", "-c", c.line)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, c.stdout, tee{&c.last, c.stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = stderrGrace
	if err := c.launch(cmd, ours); err != nil {
		started <- err
		return
	}
	started <- nil
	process.AwaitExit(cmd.Process.Pid)
	c.bury()
	err := cmd.Wait()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		c.err = explain(err, c.last.LastLine())
	}
	close(c.done)
}

func (c *command) launch(cmd *exec.Cmd, ours *os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return errAborted
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.pid, c.stdin = cmd.Process.Pid, ours
	return nil
}

// bury is called when the leader is dead and not yet reaped: its number names its group for the last time.
func (c *command) bury() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		unix.Kill(-c.pid, unix.SIGKILL)
	}
	c.pid = 0
}

func (c *command) Write(p []byte) (int, error) {
	if err := c.start(); err != nil {
		return 0, err
	}
	select {
	case <-c.done:
		if c.err != nil {
			return 0, c.err
		}
		c.satisfied = true
	default:
	}
	if c.satisfied {
		return len(p), nil
	}
	n, err := c.stdin.Write(p)
	if errors.Is(err, unix.EPIPE) {
		c.satisfied = true
		return len(p), nil
	}
	return n, wording.Bare(err)
}

func (c *command) Close() error {
	if err := c.start(); err != nil {
		return err
	}
	c.stdin.Close()
	<-c.done
	return c.err
}

func (c *command) Abort(error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	if c.pid != 0 {
		unix.Kill(-c.pid, unix.SIGKILL)
	}
	if c.stdin != nil {
		c.stdin.Close()
	}
}

func explain(err error, lastLine string) error {
	if lastLine == "" {
		return fmt.Errorf("command: %w", err)
	}
	return fmt.Errorf("command: %w: %s", err, lastLine)
}

// tee copies what a command says to a person, who may be gone, and remembers its end.
type tee struct {
	last *process.Tail
	to   io.Writer
}

func (t tee) Write(p []byte) (int, error) {
	t.to.Write(p)
	return t.last.Write(p)
}
