package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
)

// stopTimeout is what a daemon has to stop in order before it is killed, unless said otherwise; it gives up by itself a
// little earlier.
const stopTimeout = 30 * time.Second

// killTimeout is how long the kernel may take to end a killed process.
const killTimeout = 30 * time.Second

func (r *runner) start(c *cli.Context) error {
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	if c.Bool("foreground") {
		return r.foreground(snapshot, mannerOf(c))
	}
	return r.background(snapshot, mannerOf(c))
}

// instance is the daemon of a configuration, running or not. A configuration that was broken since must not keep anybody
// from stopping it: only state_dir is read.
func (r *runner) instance(c *cli.Context) (daemon.Instance, error) {
	dir := c.String("config-dir")
	if err := readable(dir, "-d"); err != nil {
		return daemon.Instance{}, err
	}
	state, err := config.StateDir(dir)
	if err != nil {
		return daemon.Instance{}, &argv.Failure{Code: exitUsage, Err: err}
	}
	return daemon.At(state), nil
}

func (r *runner) stop(c *cli.Context) error {
	instance, err := r.instance(c)
	if err != nil {
		return err
	}
	process, err := instance.Running()
	if err != nil {
		return err
	}
	if process == nil {
		_, err := fmt.Fprintln(r.Stdout, "kadeploy-server is not running")
		return err
	}
	if err := end(instance, process, c.Duration("timeout"), c.String("config-dir")); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Stdout, "kadeploy-server stopped, pid %d\n", process.PID)
	return err
}

func (r *runner) restart(c *cli.Context) error {
	snapshot, err := r.load(c) // an invalid configuration must not cost the running daemon
	if err != nil {
		return err
	}
	instance := daemon.At(snapshot.Global.StateDir)
	process, err := instance.Running()
	if err != nil {
		return err
	}
	if process != nil {
		if err := end(instance, process, c.Duration("timeout"), snapshot.Dir); err != nil {
			return err
		}
	}
	return r.background(snapshot, mannerOf(c))
}

// end stops the process that an instance was found to run and returns when it has ended. One that does not end in time is
// killed, and said to be.
func end(instance daemon.Instance, p *daemon.Process, timeout time.Duration, dir string) error {
	// The descriptor keeps the signal from reaching another process that gets the pid from now on.
	process, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop pid %d: %w", p.PID, err)
	}
	defer unix.Close(process)
	// It may have got it before, since the pid was read. The daemon that still runs is the one that the descriptor is of.
	switch now, err := instance.Running(); {
	case err != nil:
		return err
	case now == nil || *now != *p:
		return nil
	}
	switch err := unix.PidfdSendSignal(process, unix.SIGTERM, nil, 0); {
	case errors.Is(err, unix.ESRCH):
		return nil
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("stop pid %d: %w; do it as the user who runs it", p.PID, err)
	case err != nil:
		return fmt.Errorf("stop pid %d: %w", p.PID, err)
	}
	if ended(process, timeout) {
		return nil
	}
	_ = unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0) // it may end by itself just now
	if !ended(process, killTimeout) {
		return fmt.Errorf("pid %d does not end, not even killed; see ps", p.PID)
	}
	return fmt.Errorf("pid %d did not stop in %s and was killed; start it again: kadeploy-server start -d %s", p.PID, timeout, dir)
}

// ended waits until a process has ended, and says whether it has.
func ended(process int, timeout time.Duration) bool {
	for until := time.Now().Add(timeout); ; {
		fds := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(time.Until(until), 0)/time.Millisecond))
		if n > 0 {
			return true
		}
		if !errors.Is(err, unix.EINTR) {
			return false
		}
	}
}
