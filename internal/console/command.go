package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/process"
)

// drainTime is how long the terminal of a command that has ended is read: a process that left its session may hold it.
const drainTime = 500 * time.Millisecond

// Command is the console that a command of the site opens (Kadeploy3 cmd_console), which has a terminal as if a person sat
// there. It runs in a session of its own, which is killed whole at the end. Errors name the program, never its arguments.
func Command(argv []string) Source {
	return Source{Run: func(ctx context.Context, in io.Reader, out io.Writer) error { return command(ctx, argv, in, out) }}
}

// environment is the server's, without what it logs in to controllers with: users type into this command.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KADEPLOY_BMC_") })
}

func command(ctx context.Context, argv []string, in io.Reader, out io.Writer) error {
	master, slave, err := process.OpenTerminal()
	if err != nil {
		return fmt.Errorf("no terminal for the console command: %w", err)
	}
	defer master.Close()
	defer slave.Close()
	if err := process.Control(slave, transparent); err != nil {
		return fmt.Errorf("the terminal of the console command: %w", err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(environment(), "TERM=vt100")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig goes off with the thread that starts it
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	slave.Close()
	stop := context.AfterFunc(ctx, func() { _ = unix.Kill(cmd.Process.Pid, unix.SIGKILL) })
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		_, _ = io.Copy(out, master) // fails with the last process that has the terminal
	}()
	go func() { _, _ = io.Copy(master, in) }() // ends with in
	process.AwaitExit(cmd.Process.Pid)
	stop()
	process.KillSession(cmd.Process.Pid)
	select {
	case <-shown:
	case <-time.After(drainTime):
		master.Close()
		<-shown
	}
	if err := cmd.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", filepath.Base(argv[0]), err)
	}
	return nil
}

// transparent makes a terminal one that does nothing to what is typed: the node's own side does. Lines that are shown still
// begin on the left.
func transparent(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag &^= unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
