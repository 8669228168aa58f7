package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/script"
)

const (
	detached    = "detached"       // flag of run: start has started this, and waits at the pipe for a line
	heraldPipe  = 3                // its number
	heralded    = "welcome"        // the line of an agent that the server has taken; another one says what is wrong
	welcomeTime = 60 * time.Second // from the start to the welcome: nobody looks after an agent that calls a server in vain
	maxHerald   = 4 << 10          // bytes of the line
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:  "start",
		Usage: "run the agent in the background of a system that goes on",
		Description: `Starts an agent that outlives the terminal, and returns when the server has welcomed it, or says why not. The machine keeps its
system: the agent refuses disks that it uses, has it shut down when the server orders a reboot, and takes away what it
has mounted and made when it ends otherwise. It says what it does in the system's log.

The environment variable KADEPLOY_CMDLINE holds the words of a kernel command line: kadeploy.server=, kadeploy.node=,
kadeploy.token=, kadeploy.pin=, kadeploy.marker=. The server does this by ssh (SetDeploymentEnvProd); by hand:

   KADEPLOY_CMDLINE="$(cat words)" kadeploy-agent start --disks --address 10.0.0.7`,
		Action: start,
		Flags:  machineFlags(),
	}
}

// start runs this program again, detached, with mounts that are nobody else's: they end with it, however it does.
func start(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	line := os.Getenv(cmdlineVariable)
	if line == "" {
		return errors.New("KADEPLOY_CMDLINE is empty: it must hold the words of a kernel command line")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command("/proc/self/exe", append([]string{"run", "--" + detached}, os.Args[2:]...)...)
	cmd.Args[0] = "kadeploy-agent"
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", []string{"PATH=" + script.Path, cmdlineVariable + "=" + line}, []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.Bool("disks") {
		cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	said, err := bufio.NewReader(io.LimitReader(read, maxHerald)).ReadString('\n')
	switch said = strings.TrimSpace(said); {
	case said == heralded:
		return cmd.Process.Release()
	case said == "":
		return fmt.Errorf("the agent ended without a word: %w", errors.Join(err, cmd.Wait()))
	}
	_ = cmd.Wait() // how it ended has been said
	return errors.New(said)
}

// runDetached is the agent that start has started.
func runDetached(c *cli.Context) error {
	pipe := os.NewFile(heraldPipe, "herald")
	unix.CloseOnExec(heraldPipe)
	ctx, cancel := context.WithCancelCause(c.Context)
	defer cancel(nil)
	late := time.AfterFunc(welcomeTime, func() {
		cancel(fmt.Errorf("no welcome within %v; is there a firewall between this machine and the server?", welcomeTime))
	})
	err := serve(ctx, c, systemLog(), func() {
		late.Stop()
		fmt.Fprintln(pipe, heralded)
		pipe.Close()
	})
	if err != nil {
		fmt.Fprintln(pipe, strings.ReplaceAll(err.Error(), "\n", "; ")) // nobody reads it after the welcome
	}
	return err
}

// systemLog writes to the log of the system; to nothing where there is none.
func systemLog() slog.Handler {
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "kadeploy-agent")
	if err != nil {
		return slog.DiscardHandler
	}
	return slog.NewTextHandler(w, nil)
}
