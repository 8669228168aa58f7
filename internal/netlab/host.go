package netlab

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
)

// Host is one machine of a Lab: a namespace with a loopback and one interface, eth0, on the switch.
type Host struct {
	Name string
	Addr netip.Addr

	ns       string // its namespace
	port     string // the switch's interface at the other end of its cable
	switchNS string
}

func (h *Host) build() error {
	return inOrder(
		ip("netns", "add", h.ns),
		ip("-n", h.ns, "link", "set", "lo", "up"),
		ip("-n", h.ns, "link", "add", "eth0", "type", "veth", "peer", "name", h.port, "netns", h.switchNS),
		ip("-n", h.ns, "addr", "add", netip.PrefixFrom(h.Addr, network.Bits()).String(), "broadcast", "+", "dev", "eth0"),
		ip("-n", h.ns, "link", "set", "eth0", "up"),
		ip("-n", h.ns, "route", "add", "224.0.0.0/4", "dev", "eth0"),
		ip("-n", h.switchNS, "link", "set", h.port, "master", "br0", "up"),
	)
}

// Command returns a command that will run inside the host, not started yet: its fields may be set as of any other. Its
// process is that of the program itself, so signals reach it. What still runs when the Lab is closed is killed then.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return commandIn(ctx, h.ns, name, args...)
}

func commandIn(ctx context.Context, ns, name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns, path}, args...)...)
	if err != nil {
		cmd.Err = err
	}
	return cmd
}

// Limit sets what the host's link carries from now on, in each direction, in bits per second of TCP payload: the headers
// are added to it, so a copy of n bytes can be done in 8n/rate seconds. 0 takes the limit away.
func (h *Host) Limit(rate int64) error {
	if rate < 0 {
		return fmt.Errorf("limit host %s to %d bit/s: want a rate above 0, or 0 for no limit", h.Name, rate)
	}
	discipline := shape(rate)
	return inOrder(
		tc(append([]string{"-n", h.ns, "qdisc", "replace", "dev", "eth0", "root"}, discipline...)...),
		tc(append([]string{"-n", h.switchNS, "qdisc", "replace", "dev", h.port, "root"}, discipline...)...),
	)
}

// Cut pulls the host's cable: nothing leaves it or reaches it, and no connection is told.
func (h *Host) Cut() error {
	return inOrder(ip("-n", h.switchNS, "link", "set", h.port, "down"))
}

// Heal plugs the cable in again.
func (h *Host) Heal() error {
	return inOrder(ip("-n", h.switchNS, "link", "set", h.port, "up"))
}
