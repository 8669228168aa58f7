package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/supervisor"
)

// server is what a running daemon is made of.
type server struct {
	log    *slog.Logger
	system *actor.ActorSystem
	tree   *supervisor.Tree
	closed []func() // in reverse order
}

// build makes the mechanisms, opens the link, and starts the tree. When a part fails, what was made before is closed.
func build(snapshot *config.Snapshot, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	images, err := image.New(image.Config{Dir: filepath.Join(snapshot.Global.CacheDir, "images"), Log: log})
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = images.Close() })
	rack, err := machines(snapshot, log)
	if err != nil {
		return nil, err
	}
	drivers := map[string]power.Driver{"command": power.Command{}}
	var console func(string) []string
	if rack != nil {
		s.onClose(rack.Close)
		drivers["sandbox"], console = rack, rack.Console
	}

	s.system, _ = supervisor.NewSystem(log)
	s.onClose(s.system.Shutdown)
	remote, err := link.Start(s.system, snapshot.Global.Server)
	if err != nil {
		return nil, err
	}
	s.onClose(remote.Close)
	s.tree, err = supervisor.StartTree(s.system, actors.Tree(actors.Config{
		Snapshot: snapshot, Load: func() (*config.Snapshot, error) { return reread(snapshot.Dir) },
		Power: drivers, Images: images, Console: console, Version: version, Log: log,
	}))
	return s, err
}

func (s *server) onClose(f func()) { s.closed = append(s.closed, f) }

func (s *server) close() {
	for i := len(s.closed) - 1; i >= 0; i-- {
		s.closed[i]()
	}
}

func reread(dir string) (*config.Snapshot, error) {
	snapshot, problems := config.Load(dir)
	if problems.HasErrors() {
		return nil, problems
	}
	return snapshot, nil
}

// machines makes the rack of the nodes with power = sandbox; nil when there are none.
func machines(snapshot *config.Snapshot, log *slog.Logger) (*sandbox.Rack, error) {
	var nodes []sandbox.Node
	processes := false
	for _, n := range snapshot.Nodes {
		if n.Power != "sandbox" {
			continue
		}
		processes = processes || !n.Sandbox.InProcess
		nodes = append(nodes, sandbox.Node{Name: n.Name, Addr: n.Addr, MAC: n.MAC, SSHPort: n.SSHPort, Sandbox: n.Sandbox})
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	tftp, err := netip.ParseAddrPort(snapshot.Global.TFTPListen)
	if err != nil {
		return nil, fmt.Errorf("tftp_listen: %w", err)
	}
	agent, err := agentPath()
	if err != nil && processes {
		return nil, err
	}
	return sandbox.New(sandbox.Config{
		Nodes: nodes, TFTP: tftp, ProfileDir: snapshot.Global.TFTPName(snapshot.Global.ProfilePath),
		Dir: filepath.Join(snapshot.Global.StateDir, "disks"), AgentPath: agent, Log: log,
	})
}

// agentPath is the agent's program, which is installed beside the daemon's.
func agentPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "kadeploy-agent")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("sandbox nodes need the agent's program beside the server's: %w", err)
	}
	return path, nil
}
