package blackout

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is one of the real programs on a site: the daemon, or that of the machines.
type process struct {
	argv []string
	log  *os.File
	cmd  *exec.Cmd
	over chan struct{} // closed when it has ended
	err  error         // how, read after over
}

// newProcess is one that is yet to be started, whose words go to a file of the site.
func newProcess(dir, log string, argv ...string) (*process, error) {
	f, err := os.OpenFile(filepath.Join(dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return &process{argv: argv, log: f}, err
}

// start runs it in the foreground. It does not wait until it serves: a kill may come before.
func (p *process) start() error {
	p.cmd = exec.Command(p.argv[0], p.argv[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.over = make(chan struct{})
	go func() {
		defer close(p.over)
		p.err = p.cmd.Wait()
	}()
	return nil
}

// again starts it once more if it has ended by itself: a daemon does not start while its database cannot be opened.
func (p *process) again(ctx context.Context) error {
	select {
	case <-p.over:
		return p.start()
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends it at once, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself, which its log tells
	<-p.over
}

// stop ends it in order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.over
	return p.err
}

// serving waits until it has made a socket.
func (p *process) serving(ctx context.Context, socket string) error {
	for {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.over:
			return fmt.Errorf("%s ended before it served (%v): see %s", p.argv[1], p.err, p.log.Name())
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve: %w", p.argv[1], ctx.Err())
		}
	}
}
