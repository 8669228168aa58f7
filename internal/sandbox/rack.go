// Package sandbox is a rack of machines without hardware, so that whole deployments run on a laptop with nothing
// installed. A machine is a loopback address, a directory that is its disk, and a power switch; everything else about it
// is real: its firmware fetches its boot profile, kernel and initrd by TFTP from the server under test, and acts on what
// they say.
//
//   - A deployment kernel (its first line is demoimage.DeployKernelMagic) starts the agent, as a process of its own or in
//     the daemon, with the kernel command line. When the agent ends well the machine reboots; when it ends otherwise the
//     machine hangs until its power is cycled, as a machine does whose init died.
//   - Any other kernel is a user's system. It boots only when its bytes are those of a file in the partition that root=
//     names; then the ssh port of the machine's address answers.
//
// Power comes from package power's Driver interface, which Rack implements. The machines' power does not survive the
// Rack, their disks do. A Rack in a process of its own (Serve) outlives the daemon, which reaches it as a Remote. What a
// machine prints is kept in its console, the evidence when it does not boot.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/power"
)

// Node describes one machine.
type Node struct {
	Name        string           // names its directory too
	Addr        netip.Addr       // in 127.0.0.0/8; nobody else's
	MAC         net.HardwareAddr // nil: the firmware does not ask for a profile by hardware address
	ProfileName string           // profile that DHCP would name (option 209), asked for first; "": PXELINUX's own names only
	SSHPort     int              // where a user's system answers; 0: any free port
	config.Sandbox
}

// Config is what a Rack is made of.
type Config struct {
	Nodes      []Node
	TFTP       netip.AddrPort // the TFTP server that every firmware asks
	ProfileDir string         // of the profiles below the TFTP root; default pxelinux.cfg
	Dir        string         // the machines' disks, one directory per node; made when missing
	AgentPath  string         // the agent's binary; unused when every node is InProcess
	Log        *slog.Logger   // nil: nothing is logged

	// Agent, not nil, changes what an agent in this process is made of: its machine may have more to tell than a directory.
	Agent func(*agent.Config)
}

// Rack is a set of machines. Its methods may be called concurrently.
type Rack struct {
	cfg      Config
	machines map[string]*machine
	starter  *starter
	sessions *sessions
	mains    context.Context // the power line of the building: what Close cuts
	cut      context.CancelFunc
	transfer chan struct{} // one slot per firmware transfer under way
	closing  sync.Once
}

var _ power.Driver = (*Rack)(nil)

// maxTransfers bounds the firmware transfers under way at once, over all machines: more would only time out.
const maxTransfers = 64

// New makes the rack, all machines off. It refuses nodes that could leave Dir or the loopback network, and faults that
// do not exist.
func New(cfg Config) (*Rack, error) {
	if cfg.ProfileDir == "" {
		cfg.ProfileDir = "pxelinux.cfg"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox disks: %w", err)
	}
	r := &Rack{cfg: cfg, machines: make(map[string]*machine, len(cfg.Nodes)), transfer: make(chan struct{}, maxTransfers)}
	r.mains, r.cut = context.WithCancel(context.Background())
	for _, node := range cfg.Nodes {
		if err := r.check(node); err != nil {
			return nil, fmt.Errorf("sandbox node %q: %w", node.Name, err)
		}
		drawn, err := draw(node)
		if err != nil {
			return nil, fmt.Errorf("sandbox node %q: %w", node.Name, err)
		}
		r.machines[node.Name] = newMachine(r, node, drawn)
	}
	sessions, err := openSessions(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("sandbox disks: %w", err)
	}
	r.sessions, r.starter = sessions, newStarter()
	return r, nil
}

func (r *Rack) check(node Node) error {
	switch {
	case node.Name == "" || strings.HasPrefix(node.Name, ".") || !filepath.IsLocal(node.Name) || filepath.Base(node.Name) != node.Name:
		return errors.New("the name cannot name a directory")
	case r.machines[node.Name] != nil:
		return errors.New("there are two of that name")
	case !node.Addr.IsLoopback():
		return fmt.Errorf("address %v is not a loopback address (127.0.0.0/8)", node.Addr)
	case node.SSHPort < 0 || node.SSHPort > 65535:
		return fmt.Errorf("ssh port %d does not exist", node.SSHPort)
	case !node.InProcess && r.cfg.AgentPath == "":
		return errors.New("no agent binary is configured and the node is not in_process")
	}
	return nil
}

// Do changes the power of the target's machine. A soft reboot or power-off needs an operating system that is up,
// otherwise the error says that the node does not answer; hard and very hard ones always work. When Do returns from a
// power-off or a reboot, no process and no socket of the machine's former life is left.
func (r *Rack) Do(ctx context.Context, target power.Target, op power.Op, level power.Level) (power.Status, error) {
	m := r.machines[target.Name]
	if m == nil {
		return power.Unknown, unknown(target.Name)
	}
	status, err := m.do(ctx, op, level)
	if err != nil {
		return status, fmt.Errorf("sandbox power of %s: %w", target.Name, err)
	}
	return status, nil
}

func unknown(node string) error {
	return fmt.Errorf("there is no machine %q: it was added when the machines were there already: restart kadeploy-server, and kadeploy-server sandbox before it where that runs", node)
}

// Console returns the last lines that the machine printed, oldest first; nothing for a node that does not exist.
func (r *Rack) Console(name string) []string {
	if m := r.machines[name]; m != nil {
		return m.console.lines()
	}
	return nil
}

// Follow writes the last lines that a machine printed, and what it prints from then on, until ctx ends.
func (r *Rack) Follow(ctx context.Context, name string, out io.Writer) error {
	m := r.machines[name]
	if m == nil {
		return unknown(name)
	}
	return m.console.follow(ctx, out)
}

// Close stops every machine and returns when nothing of them is left but their disks. No machine starts afterwards.
func (r *Rack) Close() { r.closing.Do(r.stop) }

func (r *Rack) stop() {
	r.cut()
	for _, m := range r.machines {
		m.turn <- struct{}{}
		if m.life != nil {
			<-m.life.ended
			m.life = nil
		}
		<-m.turn
	}
	r.starter.close()
	r.sessions.close()
}
