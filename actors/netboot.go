package actors

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/phonehome"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/dhcp"
	"github.com/kadeploy/kadeploy/pxe/http"
	"github.com/kadeploy/kadeploy/pxe/loaders"
	"github.com/kadeploy/kadeploy/pxe/tftp"
	"github.com/kadeploy/kadeploy/supervisor"
)

// netboot owns the boot profiles and the listeners of machines that start from the network: TFTP, and HTTP and DHCP where the site says so.
// Its start is acknowledged once the listeners are bound.
type netboot struct {
	global  config.Global // of the start: listeners stay where they are
	inForce *snapshot
	log     *slog.Logger
	dir     *pxe.Dir
	open    []listener
	calls   *phonehome.Book // that deployed systems are to make; the tree's
	tasks   supervisor.Tasks

	queue   []setProfile // profiles are written one after the other, so that a node's last one wins
	writing bool
}

func (n *netboot) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := n.start(); err != nil {
			supervisor.StartFailed(ctx, err)
			return
		}
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		n.tasks.CancelAll()
		n.close()
	case expectCall:
		n.expectCall(m)
	case forgetCalls:
		n.calls.Forget(m.nodes...)
	case setProfile:
		n.queue = append(n.queue, m)
		n.write(ctx)
	case supervisor.TaskDone:
		if !n.tasks.Accept(m) {
			return
		}
		if m.Panic != nil {
			panic(m.Panic)
		}
		n.writing = false
		n.write(ctx)
	}
}

// write starts the next write, unless one is under way.
func (n *netboot) write(ctx actor.Context) {
	for len(n.queue) > 0 && !n.writing {
		m := n.queue[0]
		n.queue = n.queue[1:]
		if m.ctx.Err() != nil {
			continue
		}
		n.writing = true
		dir := n.dir
		n.tasks.Start(ctx, "profile", func(context.Context) any {
			m.reply <- dir.Write(n.machine(m.node), m.profile)
			return nil
		})
	}
}

// listener is a server of netboot. Close waits for what is under way, until ctx ends.
type listener interface {
	Close(ctx context.Context) error
}

func (n *netboot) start() (err error) {
	g := &n.global
	n.dir, err = pxe.OpenDir(pxe.DirConfig{
		Root: g.TFTPRoot, Profiles: g.ProfilePath, Naming: pxe.Naming(g.ProfileName), Loaders: loaders.Files(),
	})
	if err != nil {
		return err
	}
	if err := n.listen(tftp.Start(tftp.Config{Listen: g.TFTPListen, Root: g.TFTPRoot, Serves: n.dir.Serves, Log: n.log})); err != nil {
		return err
	}
	if g.HTTPListen != "" {
		if err := n.listen(http.Start(http.Config{Listen: g.HTTPListen, Root: g.TFTPRoot, Serves: n.dir.Serves, Calls: n.calls, Log: n.log})); err != nil {
			return err
		}
	}
	if g.DHCP.Mode == "off" {
		return nil
	}
	tftpHost, _ := netip.ParseAddrPort(g.TFTPListen) // of every address of the machine, or a name: DHCP says its own
	machines := &machines{inForce: n.inForce, seenBy: n.machine}
	return n.listen(dhcp.Start(dhcp.Config{Interface: g.DHCP.Interface, Log: n.log, Site: dhcp.Site{
		Mode: dhcp.Mode(g.DHCP.Mode), TFTP: tftpHost.Addr(), URL: g.HTTPURL, Router: g.DHCP.Router, DNS: g.DHCP.DNS, Machine: machines.find,
	}}))
}

func (n *netboot) listen(l listener, err error) error {
	if err == nil {
		n.open = append(n.open, l)
	}
	return err
}

// machine is a node as its boot loader sees it.
func (n *netboot) machine(node *config.Node) pxe.Node {
	return pxe.Node{Name: node.Name, Addr: node.Addr, MAC: node.MAC, UUID: node.UUID, Loader: loaderOf(node, n.global.HTTPURL)}
}

// loaderOf is what a node's firmware starts; url is what nodes call the HTTP server.
func loaderOf(node *config.Node, url string) pxe.Loader {
	return pxe.Loader{Language: pxe.Language(node.PXEKind), Firmware: pxe.Firmware(node.Firmware), URL: url}
}

// machines finds nodes by hardware address, in the configuration in force. It is asked from several goroutines.
type machines struct {
	inForce *snapshot
	seenBy  func(*config.Node) pxe.Node

	mu    sync.Mutex
	of    *config.Snapshot // that byMAC is made of
	byMAC map[string]*config.Node
}

func (m *machines) find(mac net.HardwareAddr) (dhcp.Machine, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.inForce.Load(); s != m.of {
		m.of, m.byMAC = s, make(map[string]*config.Node)
		for _, n := range s.Nodes {
			m.byMAC[string(n.MAC)] = n
		}
	}
	n, ok := m.byMAC[string(mac)]
	if !ok {
		return dhcp.Machine{}, false
	}
	name := n.Name
	if m.of.Global.ProfileName == string(pxe.HostnameShort) { // which iPXE then asks for
		name = n.ShortName()
	}
	return dhcp.Machine{Name: name, Addr: n.Addr, Loader: m.seenBy(n).Loader}, true
}

func (n *netboot) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for _, l := range n.open {
		_ = l.Close(ctx)
	}
	if n.dir != nil {
		n.dir.Close()
	}
}
