package deploysystem

import (
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
	"golang.org/x/crypto/ssh"
)

// Modules opens the modules of a directory; insert stands for the kernel.
func Modules(dir string, insert func(file string) error) (func(name string) error, error) {
	m, err := openModules(dir)
	if err != nil {
		return nil, err
	}
	m.insert = insert
	return m.load, nil
}

// AddedDevice reads a message of the kernel.
var AddedDevice = addedDevice

// Coldplug lists what the hardware below a directory says it is.
func Coldplug(dir string) []string {
	wanted := make(chan string, 100)
	coldplug(dir, wanted)
	close(wanted)
	var all []string
	for modalias := range wanted {
		all = append(all, modalias)
	}
	return all
}

// Words are those of a kernel command line that are for this package.
func Words(line string) (drivers []string, shell bool) {
	w := parseWords(line)
	return w.drivers, w.shell
}

// Lease is an address for a time, as text.
type Lease struct {
	Address, Router string
	Length          time.Duration
	Routes          []string // DESTINATION via ROUTER
	MTU             int
}

// ReadLease reads an answer of a DHCP server.
func ReadLease(ack *dhcpv4.DHCPv4) (Lease, error) {
	l, err := readLease(&nclient4.Lease{ACK: ack})
	if err != nil {
		return Lease{}, err
	}
	got := Lease{Address: l.address.String(), Router: l.router.String(), Length: l.length, MTU: l.mtu}
	for _, r := range l.routesOf(3) {
		got.Routes = append(got.Routes, r.Dst.String()+" via "+r.Gw.String())
	}
	return got, nil
}

// RouterTo is the router by which the server is reached; "": none.
func RouterTo(ack *dhcpv4.DHCPv4, server netip.Addr) string {
	l, err := readLease(&nclient4.Lease{ACK: ack})
	if err != nil {
		return err.Error()
	}
	r, ok := l.routeTo(server, 3)
	if !ok {
		return ""
	}
	if r.Flags&int(netlink.FLAG_ONLINK) == 0 {
		return r.Dst.String() + " by the link"
	}
	return r.Dst.String() + " via " + r.Gw.String()
}

// SSHConfig lets in who has one of the keys in a file.
func SSHConfig(keys string) (*ssh.ServerConfig, error) { return sshConfig(keys) }

// Welcome serves ssh until the listener fails.
var Welcome = welcome
