package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// The addresses of a Lab; all in one network.
var (
	Network = netip.MustParsePrefix("10.83.0.0/16")
	Server  = netip.MustParseAddr("10.83.0.1")
	Site    = netip.MustParseAddr("10.83.255.1") // the switch: the site's DHCP server and whatever else is not the product's
)

const maxMachines = 64

// Config describes a Lab.
type Config struct {
	Machines []MachineConfig // at most 64; node-1, node-2 ...
	Dir      string          // where the lab's directory is made; "": os.TempDir(). Short, for sockets have short paths
}

// Lab is a server's place, machines, and a network between them. Its methods may be called from several goroutines.
type Lab struct {
	Dir      string // of everything the lab writes
	Machines []*Machine

	net     *netlab.Lab
	watcher *watcher
	dhcp    *exec.Cmd
}

// New makes a lab whose machines are off, their disks empty and their BMCs up. No DHCP server runs. Who calls must Close it.
func New(cfg Config) (*Lab, error) {
	if len(cfg.Machines) > maxMachines {
		return nil, fmt.Errorf("%d machines: a lab has room for %d", len(cfg.Machines), maxMachines)
	}
	if err := Check(); err != nil {
		return nil, err
	}
	if err := Clean(cfg.Dir); err != nil {
		return nil, fmt.Errorf("remove what an earlier lab left behind: %w", err)
	}
	room, err := netlab.New(netlab.Config{Hosts: []string{"server"}})
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: filepath.Join(tempDir(cfg.Dir), room.Name()), net: room}
	err = l.watch(cfg.Dir)
	if err == nil {
		err = l.build(cfg.Machines)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func tempDir(dir string) string {
	if dir == "" {
		return os.TempDir()
	}
	return dir
}

const maxDir = 70 // a socket's path has at most 107 bytes

func (l *Lab) build(machines []MachineConfig) error {
	if len(l.Dir) > maxDir {
		return fmt.Errorf("directory %s is longer than %d bytes, too long for the sockets in it: set TMPDIR to a shorter one", l.Dir, maxDir)
	}
	if err := os.Mkdir(l.Dir, 0o700); err != nil {
		return err
	}
	var ips []net.IP
	addrs := []netip.Prefix{netip.PrefixFrom(Site, Network.Bits()), netip.MustParsePrefix("fd77::1/64")}
	for i := range machines {
		bmc := addrOf(2, i+1)
		addrs, ips = append(addrs, netip.PrefixFrom(bmc, Network.Bits())), append(ips, bmc.AsSlice())
	}
	if err := l.net.Switch().Listen(addrs...); err != nil {
		return err
	}
	if err := writeCertificate(l.Dir, ips); err != nil {
		return fmt.Errorf("certificate of the BMCs: %w", err)
	}
	if err := l.advertise(); err != nil {
		return err
	}
	for i, cfg := range machines {
		m, err := newMachine(l, i+1, cfg)
		if err != nil {
			return fmt.Errorf("machine %d: %w", i+1, err)
		}
		l.Machines = append(l.Machines, m)
	}
	return nil
}

// addrOf is the address i of one of the lab's groups: 1 machines, 2 BMCs.
func addrOf(group, i int) netip.Addr {
	net := Network.Addr().As4()
	return netip.AddrFrom4([4]byte{net[0], net[1], byte(group), byte(i)})
}

// OnServer returns a command that will run in the server's namespace, not started yet.
func (l *Lab) OnServer(ctx context.Context, name string, args ...string) *exec.Cmd {
	return l.net.Host("server").Command(ctx, name, args...)
}

// Beside returns a command that will run beside the switch, with the machines and the site's services, not started yet.
func (l *Lab) Beside(ctx context.Context, name string, args ...string) *exec.Cmd {
	return l.net.Switch().Command(ctx, name, args...)
}

// CutServer pulls the server's cable, and HealServer plugs it in again.
func (l *Lab) CutServer() error  { return l.net.Host("server").Cut() }
func (l *Lab) HealServer() error { return l.net.Host("server").Heal() }

// ServerNamespace is the name of the server's namespace, for `ip netns exec`.
func (l *Lab) ServerNamespace() string { return l.net.Name() + "-server" }

// RedfishCA is the file of the certificate that every Redfish BMC shows.
func (l *Lab) RedfishCA() string { return filepath.Join(l.Dir, "redfish.pem") }

// Close ends everything that runs in the lab and removes it, with its disks. It may be called again.
func (l *Lab) Close() error { return errors.Join(l.net.Close(), os.RemoveAll(l.Dir), l.dismiss()) }

// Clean removes what killed labs have left in dir ("": os.TempDir()), and their namespaces with all that runs in them.
func Clean(dir string) error {
	if err := netlab.RemoveAbandoned(); err != nil {
		return err
	}
	entries, err := os.ReadDir(tempDir(dir))
	for _, e := range entries {
		if netlab.Abandoned(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(tempDir(dir), e.Name())))
		}
	}
	return err
}
