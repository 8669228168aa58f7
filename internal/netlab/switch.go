package netlab

import (
	"context"
	"net/netip"
	"os/exec"
)

// Switch is the bridge of a Lab. Machines that are no namespaces, virtual ones, are plugged into it by taps; the programs
// that carry them and serve them run beside it.
type Switch struct{ ns string }

// Switch returns the lab's switch.
func (l *Lab) Switch() *Switch { return &Switch{ns: l.switchNS} }

// Command returns a command that will run beside the switch, as Host.Command does.
func (s *Switch) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return commandIn(ctx, s.ns, name, args...)
}

// Listen gives the switch addresses of its own, each with the length of its network: what runs beside it can be reached
// there, and on the loopback.
func (s *Switch) Listen(addrs ...netip.Prefix) error {
	lines := [][]string{ip("-n", s.ns, "link", "set", "lo", "up")}
	for _, a := range addrs {
		line := ip("-n", s.ns, "addr", "add", a.String(), "dev", "br0")
		if a.Addr().Is6() {
			line = append(line, "nodad") // its uniqueness needs no second of waiting
		}
		lines = append(lines, line)
	}
	return inOrder(lines...)
}

// Tap plugs a new tap of that name, at most 15 bytes, into the switch.
func (s *Switch) Tap(name string) (*Tap, error) {
	return &Tap{Name: name, switchNS: s.ns}, inOrder(
		ip("-n", s.ns, "tuntap", "add", "dev", name, "mode", "tap"),
		ip("-n", s.ns, "link", "set", name, "master", "br0", "up"),
	)
}

// Tap is a port of the switch for a virtual machine.
type Tap struct {
	Name     string
	switchNS string
}

// Cut pulls the machine's cable at the switch.
func (t *Tap) Cut() error { return inOrder(ip("-n", t.switchNS, "link", "set", t.Name, "down")) }

// Heal plugs it in again.
func (t *Tap) Heal() error { return inOrder(ip("-n", t.switchNS, "link", "set", t.Name, "up")) }

// Limit sets what goes to the machine from now on, in bits per second of TCP payload; 0 takes the limit away. What comes
// from it is not limited.
func (t *Tap) Limit(rate int64) error {
	return inOrder(tc(append([]string{"-n", t.switchNS, "qdisc", "replace", "dev", t.Name, "root"}, shape(rate)...)...))
}
