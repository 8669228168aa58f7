// Command kadeploy-agent is the program of the deployment system on a node: it calls the server named on the kernel
// command line and does what it is told to the machine, one order at a time. It exits 0 when a reboot was ordered, 3 when
// a kexec was and it runs under the deployment system's init, 1 when the server is lost or something is wrong. When its connection breaks it calls again, for as long as the server has said.
//
// `kadeploy-agent chain` is its broadcast as a tool of its own, between any machines.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/deploysystem"
)

func main() {
	deploysystem.Main(os.Getpid(), os.Args)
	ctx, stop := signal.NotifyContext(context.Background(), signals()...)
	context.AfterFunc(ctx, stop) // the second one ends the process as usual
	os.Exit(complain(execute(ctx, os.Args)))
}

// signals are those that end what is under way in good order. Whoever ignores hangups wants to outlive its terminal.
func signals() []os.Signal {
	all := []os.Signal{unix.SIGINT, unix.SIGTERM}
	if !signal.Ignored(unix.SIGHUP) {
		all = append(all, unix.SIGHUP)
	}
	return all
}

func execute(ctx context.Context, words []string) error {
	chain := chainCommand()
	app := &cli.App{
		Name:            "kadeploy-agent",
		Usage:           "the node's side of a deployment",
		HideHelpCommand: true, DisableSliceFlagSeparator: true,
		Version:        version(),
		ExitErrHandler: func(*cli.Context, error) {},
		Commands:       []*cli.Command{runCommand(), startCommand(), inventoryCommand(), chain},
	}
	words, err := ordered(chain, words)
	if err != nil {
		return err
	}
	return app.RunContext(ctx, words)
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:   "run",
		Usage:  "call the server and obey its orders until a reboot",
		Action: run,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "cmdline", EnvVars: []string{cmdlineVariable}, Usage: "kernel command `LINE`; it holds a token, so give it by the environment (default: /proc/cmdline)"},
			toggle("an agent that has lost the server keeps its marker port open until it is stopped: the machine is to be looked at", "stay"),
			&cli.BoolFlag{Name: detached, Hidden: true},
		}, machineFlags()...),
	}
}

// cmdlineVariable has the kernel command line, or what stands for one.
const cmdlineVariable = "KADEPLOY_CMDLINE"

// machineFlags say what an agent works on.
func machineFlags() []cli.Flag {
	return []cli.Flag{
		toggle("write the disks of this machine, and restart it when the server says so; needs root", "disks"),
		&cli.StringFlag{Name: "sandbox-disk", Usage: "work on a disk that is the `DIRECTORY`"},
		&cli.Int64Flag{Name: "sandbox-capacity", Usage: "size of that disk in `BYTES` (0: unlimited)"},
		&cli.Int64Flag{Name: "sandbox-rate", Usage: "write to that disk with so many `BYTES` a second (0: as fast as can be)"},
		&cli.StringSliceFlag{Name: "sandbox-fault", Usage: "misbehave once: agent-crash:STEP or hung-order:STEP (`FAULT`)"},
		&cli.StringFlag{Name: "address", Value: "127.0.0.1", Usage: "own `IP` address"},
	}
}

func run(c *cli.Context) error {
	if c.Bool(detached) {
		return runDetached(c)
	}
	return serve(c.Context, c, slog.NewTextHandler(os.Stderr, nil), nil)
}

// serve is the life of the agent. It calls welcomed when the server has taken it.
func serve(ctx context.Context, c *cli.Context, log slog.Handler, welcomed func()) error {
	unix.Umask(0o022)
	boot, err := bootOf(c.String("cmdline"))
	if err != nil {
		return err
	}
	address, err := netip.ParseAddr(c.String("address"))
	if err != nil {
		return fmt.Errorf("--address %q: want an IP address", c.String("address"))
	}
	faults, err := faultsOf(c.StringSlice("sandbox-fault"))
	if err != nil {
		return err
	}
	bench, err := openWorkbench(c)
	if err != nil {
		return err
	}
	end, err := agent.Run(ctx, agent.Config{
		Server: boot.Server, Node: boot.Node, Token: boot.Token, Pin: boot.Pin,
		Machine: bench.Machine, Address: address, MarkerPort: boot.Marker, Stay: c.Bool("stay"),
		Version: version(), Faults: faults, Welcomed: welcomed,
		Crash: func() { unix.Kill(os.Getpid(), unix.SIGKILL); select {} },
		Log:   slog.New(log),
	})
	switch {
	case err != nil:
		return errors.Join(err, bench.leave())
	case end == agent.EndLost:
		return errors.Join(errors.New("the session ended without an order to reboot"), bench.leave())
	}
	return bench.restart(ctx, end)
}

// bootOf reads the command line and takes it, which holds a token, out of the environment.
func bootOf(line string) (agent.Boot, error) {
	os.Unsetenv(cmdlineVariable)
	if line == "" {
		text, err := os.ReadFile("/proc/cmdline")
		if err != nil {
			return agent.Boot{}, err
		}
		line = string(text)
	}
	return agent.ParseCmdline(line)
}

func faultsOf(texts []string) ([]agent.Fault, error) {
	var faults []agent.Fault
	for _, text := range texts {
		kind, step, ok := strings.Cut(text, ":")
		if !ok || step == "" {
			return nil, fmt.Errorf("--sandbox-fault %q: want KIND:STEP", text)
		}
		faults = append(faults, agent.Fault{Kind: kind, Step: step})
	}
	return faults, nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
