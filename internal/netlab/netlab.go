// Package netlab makes hosts out of network namespaces of this machine, joined by a switch (a bridge in a namespace of its
// own): programs run in them as on machines of a rack, with addresses, limited links and cables that can be pulled. Nothing
// of it is seen in the namespace of the caller. It works with the tools of iproute2 and needs root.
//
// A Lab's namespaces carry the process that made it in their names. What a process left behind that could not call Close
// is removed by the next New of any process.
package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
)

// Config describes a Lab.
type Config struct {
	Hosts []string // their names: letters, digits and dashes, each once; at most 1000
	Rate  int64    // what each host's link carries in each direction, as Limit takes it; 0: as fast as the machine can
}

// Lab is a switch and its hosts. Its methods, and those of its hosts, may be called from several goroutines.
type Lab struct {
	Hosts []*Host // in the order of Config

	prefix   string
	switchNS string
}

const maxHosts = 1000 // a bridge has 1023 ports

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}$`)
	network  = netip.MustParsePrefix("10.83.0.0/16")
	count    atomic.Int64 // of the labs of this process
)

// Check says in one line why there can be no Lab here: who calls is not root, or a tool is not installed.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run this as root")
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed: install the Debian package iproute2", tool)
		}
	}
	return nil
}

// New makes the switch and the hosts, with their links up. Who calls must Close the Lab.
func New(cfg Config) (*Lab, error) {
	if err := checkNames(cfg.Hosts); err != nil {
		return nil, err
	}
	if err := Check(); err != nil {
		return nil, err
	}
	if err := RemoveAbandoned(); err != nil {
		return nil, fmt.Errorf("remove what an earlier run left behind: %w", err)
	}
	me, err := own(count.Add(1))
	if err != nil {
		return nil, err
	}
	l := &Lab{prefix: me.prefix()}
	if err := l.build(cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func checkNames(names []string) error {
	if len(names) > maxHosts {
		return fmt.Errorf("%d hosts: a switch has room for %d", len(names), maxHosts)
	}
	seen := make(map[string]bool)
	for _, name := range names {
		switch {
		case !hostName.MatchString(name):
			return fmt.Errorf("host name %q: want letters, digits and dashes", name)
		case name == switchName:
			return fmt.Errorf("host name %q: this is the switch's", name)
		case seen[name]:
			return fmt.Errorf("host name %q: given twice", name)
		}
		seen[name] = true
	}
	return nil
}

const switchName = "switch"

func (l *Lab) build(cfg Config) error {
	l.switchNS = l.prefix + switchName
	err := inOrder(
		ip("netns", "add", l.switchNS),
		ip("-n", l.switchNS, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"),
		ip("-n", l.switchNS, "link", "set", "br0", "up"),
	)
	if err != nil {
		return err
	}
	addr := network.Addr()
	for i, name := range cfg.Hosts {
		addr = addr.Next()
		h := &Host{Name: name, Addr: addr, ns: l.prefix + name, port: fmt.Sprintf("p%d", i), switchNS: l.switchNS}
		if err := h.build(); err != nil {
			return err
		}
		if err := h.Limit(cfg.Rate); err != nil {
			return err
		}
		l.Hosts = append(l.Hosts, h)
	}
	return nil
}

// Name is the lab's own among all of the machine. It says to Abandoned which process it belongs to.
func (l *Lab) Name() string { return strings.TrimSuffix(l.prefix, "-") }

// Host returns the host of that name, nil when there is none.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.Hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Close kills what still runs in the hosts and removes them and the switch. It may be called again.
func (l *Lab) Close() error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	return remove(withPrefix(names, l.prefix))
}
