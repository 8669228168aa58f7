package torture

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync/atomic"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// stage is where the programs of a run live: a host for each receiver, and the last one for the sender.
type stage interface {
	address(host int) string
	command(host int, name string, args ...string) *exec.Cmd
	limit(host int, bits int64) error
	cut(host int) error
	heal(host int) error
	close() error
}

// laboratory is a stage of network namespaces.
type laboratory struct{ *netlab.Lab }

func newLaboratory(receivers int, bits int64) (stage, error) {
	cfg := netlab.Config{Rate: bits}
	for i := range receivers {
		cfg.Hosts = append(cfg.Hosts, hostName(i))
	}
	cfg.Hosts = append(cfg.Hosts, "sender")
	lab, err := netlab.New(cfg)
	if err != nil {
		return nil, err
	}
	return laboratory{lab}, nil
}

func (l laboratory) address(host int) string { return l.Hosts[host].Addr.String() }

func (l laboratory) command(host int, name string, args ...string) *exec.Cmd {
	return l.Hosts[host].Command(context.Background(), name, args...)
}

func (l laboratory) limit(host int, bits int64) error { return l.Hosts[host].Limit(bits) }
func (l laboratory) cut(host int) error               { return l.Hosts[host].Cut() }
func (l laboratory) heal(host int) error              { return l.Hosts[host].Heal() }
func (l laboratory) close() error                     { return l.Lab.Close() }

// loopback is a stage without cables: each host is an address of this machine.
type loopback struct{ run int }

var loopbacks atomic.Int64

func newLoopback() stage { return loopback{int(loopbacks.Add(1) % 250)} }

var errNoCables = errors.New("addresses of the loopback have no cables")

func (l loopback) address(host int) string { return fmt.Sprintf("127.83.%d.%d", l.run, host+1) }

func (l loopback) command(_ int, name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...)
}

func (l loopback) limit(int, int64) error { return errNoCables }
func (l loopback) cut(int) error          { return errNoCables }
func (l loopback) heal(int) error         { return errNoCables }
func (l loopback) close() error           { return nil }
