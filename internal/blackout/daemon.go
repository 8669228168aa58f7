package blackout

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/config"
)

// daemon is the real program on a site.
type daemon struct {
	program, dir string
	log          *os.File
	cmd          *exec.Cmd
	over         chan struct{} // closed when it has ended
	err          error         // how, read after over
}

// start runs it in the foreground. It does not wait until it serves: a kill may come before.
func (d *daemon) start() error {
	d.cmd = exec.Command(d.program, "start", "--foreground", "-d", d.dir)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.over = make(chan struct{})
	go func() {
		defer close(d.over)
		d.err = d.cmd.Wait()
	}()
	return nil
}

// again starts it once more if it has ended by itself: it does not start while its database cannot be opened.
func (d *daemon) again(ctx context.Context) error {
	select {
	case <-d.over:
		return d.start()
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends it at once, and returns when it is gone.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended by itself, which its log tells
	<-d.over
}

// stop ends it in order.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-d.over
	return d.err
}

// serving waits until it answers on its socket.
func (d *daemon) serving(ctx context.Context, g *config.Global) error {
	for {
		if _, err := os.Stat(g.LocalSocket); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the daemon does not serve: %w", ctx.Err())
		}
	}
}

func newDaemon(program, dir string) (*daemon, error) {
	log, err := os.OpenFile(filepath.Join(dir, "daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return &daemon{program: program, dir: dir, log: log}, err
}
