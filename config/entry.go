package config

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// entry is one node as nodes.conf or nodes.hcl introduces it.
type entry struct {
	name    string
	addr    netip.Addr
	mac     net.HardwareAddr
	cluster string
	at      position
	layer   *layer // what it says of itself
	index   int    // among the nodes of its line or block, from 0
	alone   bool   // layer is not shared with other nodes
}

// maxNodes bounds a site.
const maxNodes = 100_000

var (
	hostName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9_-]{0,62})*$`)
	clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)
)

// census gathers the entries of all nodes and refuses those that cannot be told apart.
type census struct {
	report  *report
	entries []*entry
	names   map[string]*entry // by lower-case name: DNS knows no case
	addrs   map[netip.Addr]*entry
	macs    map[string]*entry
	full    bool
}

func newCensus(r *report) *census {
	return &census{report: r, names: map[string]*entry{}, addrs: map[netip.Addr]*entry{}, macs: map[string]*entry{}}
}

// admit adds a node, or reports why not.
func (c *census) admit(e *entry) {
	switch {
	case c.full:
		return
	case len(c.entries) == maxNodes:
		c.full = true
		c.report.add(Error, e.at, "", "more than %d nodes", maxNodes)
		return
	case !hostName.MatchString(e.name) || len(e.name) > 253:
		c.report.add(Error, e.at, "", "%q is not a host name", e.name)
		return
	}
	name := strings.ToLower(e.name)
	if other := c.names[name]; other != nil {
		c.report.add(Error, e.at, "", "node %s is already on line %d", e.name, other.at.line)
	}
	if other := c.addrs[e.addr]; other != nil && e.addr.IsValid() {
		c.report.add(Error, e.at, "", "%s has the address %s of %s on line %d", e.name, e.addr, other.name, other.at.line)
	}
	if other := c.macs[e.mac.String()]; other != nil && e.mac != nil {
		c.report.add(Error, e.at, "", "%s has the hardware address %s of %s on line %d", e.name, e.mac, other.name, other.at.line)
	}
	c.names[name], c.addrs[e.addr], c.macs[e.mac.String()] = e, e, e
	c.entries = append(c.entries, e)
}

// parseAddress reads the address of a node.
func parseAddress(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return addr, faultf(0, "%q is not an address", text)
	case !addr.Is4():
		return addr, faultf(0, "%s: nodes boot over IPv4", text)
	case addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return addr, faultf(0, "%s is not the address of one machine", text)
	}
	return addr, nil
}

// parseMAC reads a hardware address of Ethernet.
func parseMAC(text string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return nil, faultf(0, "%q is not a hardware address", text)
	}
	return mac, nil
}
