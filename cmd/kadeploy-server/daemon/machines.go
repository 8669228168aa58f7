package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
)

// rack are the machines of the nodes with power = sandbox: of this process, or of one that outlives it.
type rack interface {
	power.Driver
	Console(node string) []string
	Follow(ctx context.Context, node string, out io.Writer) error
	Close()
}

// machines finds the machines of the sandbox nodes, and makes them when no other process has them; nil when there are no such nodes.
func machines(snapshot *config.Snapshot, log *slog.Logger) (rack, error) {
	nodes := sandboxNodes(snapshot)
	if len(nodes) == 0 {
		return nil, nil
	}
	for deadline := time.Now().Add(settling); ; time.Sleep(settling / 30) {
		found, err := sandbox.Find(disks(snapshot))
		switch {
		case err != nil:
			return nil, err
		case found != nil:
			log.Info("the sandbox machines are in a process of their own, and outlive this one")
			return found, nil
		}
		made, err := newRack(snapshot, nodes, log)
		if err == nil {
			return made, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return nil, err
		}
	}
}

// settling is how long somebody may have the disks who is about to listen for a daemon, or about to end.
const settling = 3 * time.Second

// RunSandbox is the life of a process that has the machines of the sandbox nodes: a daemon finds them there, and they outlive it. It
// returns nil when ctx has ended and all machines are off.
func RunSandbox(ctx context.Context, cfg Config) error {
	nodes := sandboxNodes(cfg.Snapshot)
	if len(nodes) == 0 {
		return errors.New("no node of the configuration has power = sandbox")
	}
	// Whoever read the log may have gone, and the terminal may be closed: neither must end the machines.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE, unix.SIGHUP)
	if err := PrepareStateDir(&cfg.Snapshot.Global); err != nil {
		return err
	}
	log, err := newLog(cfg)
	if err != nil {
		return err
	}
	r, err := newRack(cfg.Snapshot, nodes, log)
	if err != nil {
		return err
	}
	defer r.Close()
	socket, err := r.Listen()
	if err != nil {
		return err
	}
	log.Info("the sandbox machines wait for a daemon", "nodes", len(nodes), "pid", os.Getpid())
	cfg.Ready()
	return r.Serve(ctx, socket)
}

func sandboxNodes(snapshot *config.Snapshot) (nodes []sandbox.Node) {
	for _, n := range snapshot.Nodes {
		if n.Power == "sandbox" {
			nodes = append(nodes, sandbox.Node{Name: n.Name, Addr: n.Addr, MAC: n.MAC, SSHPort: n.SSHPort, Sandbox: n.Sandbox})
		}
	}
	return nodes
}

// disks is the directory of the machines' disks.
func disks(snapshot *config.Snapshot) string { return filepath.Join(snapshot.Global.StateDir, "disks") }

func newRack(snapshot *config.Snapshot, nodes []sandbox.Node, log *slog.Logger) (*sandbox.Rack, error) {
	tftp, err := netip.ParseAddrPort(snapshot.Global.TFTPListen)
	if err != nil {
		return nil, fmt.Errorf("tftp_listen %s: sandbox nodes need an IP:PORT to ask: %w", snapshot.Global.TFTPListen, err)
	}
	processes := false
	for _, n := range nodes {
		processes = processes || !n.InProcess
	}
	agent, err := beside("kadeploy-agent")
	if err == nil && processes {
		_, err = os.Stat(agent)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox nodes need the agent's program: %s: %w; install it beside kadeploy-server", agent, reason(err))
	}
	return sandbox.New(sandbox.Config{
		Nodes: nodes, TFTP: tftp, ProfileDir: snapshot.Global.TFTPName(snapshot.Global.ProfilePath),
		Dir: disks(snapshot), AgentPath: agent, Log: log,
	})
}
