package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outputGrace is how long the last output of a dead agent is waited for, should somebody else hold its pipe.
const outputGrace = 500 * time.Millisecond

// deploySystem boots the deployment system: all there is in it is the agent, whose end is its end. No ssh port: a marker
// that closes while ssh still answers would look like the user's system to a probe.
func (m *machine) deploySystem(cmdline string) system {
	return func(ctx context.Context, l *life) error {
		if err := os.MkdirAll(m.disk, 0o700); err != nil {
			return fmt.Errorf("deployment system: disk: %w", err)
		}
		m.console.printf("deployment system: starting the agent")
		m.rack.cfg.Log.Debug("sandbox machine starts the agent", "node", m.node.Name, "boot", m.boots)
		l.up.Store(true)
		run := m.agentProcess
		if m.node.InProcess {
			run = m.agentInside
		}
		if err := run(ctx, cmdline); err != nil {
			return fmt.Errorf("deployment system: agent ended: %w", err)
		}
		return nil
	}
}

// agentProcess runs the agent as the leader of a session of its own, which dies with it whole: with the power, with the
// agent, and (the agent at least) with this program however it ends.
func (m *machine) agentProcess(ctx context.Context, cmdline string) error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(m.rack.cfg.AgentPath, m.agentArgs()...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "KADEPLOY_CMDLINE=" + cmdline} // it carries a token: not for the process list
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	err = m.rack.starter.start(cmd)
	in.Close()
	if err != nil {
		return err
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		io.Copy(m.console, out)
	}()

	if err := m.rack.sessions.began(m.node.Name, cmd.Process.Pid); err != nil {
		m.rack.cfg.Log.Warn("sandbox session not recorded: it may outlive this daemon", "node", m.node.Name, "error", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		awaitExit(cmd.Process.Pid)
	}()
	select {
	case <-exited:
	case <-ctx.Done():
	}
	err = killSession(cmd.Process.Pid, anyProcess)
	<-exited
	err = errors.Join(err, cmd.Wait(), m.rack.sessions.ended(m.node.Name))
	select { // the last words may be the evidence
	case <-printed:
	case <-time.After(outputGrace):
		out.Close()
		<-printed
	}
	return err
}

func (m *machine) agentArgs() []string {
	args := []string{"run", "--sandbox-disk", m.disk, "--address", m.node.Addr.String()}
	if n := m.capacity(); n > 0 {
		args = append(args, "--sandbox-capacity", strconv.FormatInt(n, 10))
	}
	if n := m.faults.rate; n > 0 {
		args = append(args, "--sandbox-rate", strconv.FormatInt(n, 10))
	}
	for _, fault := range m.faults.pending() {
		args = append(args, "--sandbox-fault", fault)
	}
	return args
}

// awaitExit returns when a child has ended, and leaves it to be reaped: its number must stay taken until its session is
// dead.
func awaitExit(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}
