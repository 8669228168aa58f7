// Package power changes the power of one machine: reboot, on, off, status, at three levels of force (Kadeploy3 1.5, 1.7).
//
// It promises that an operation ends when its context does and leaves no process of a power command behind. It leaves to
// its caller how many machines may change power at once (the reboot window), the time each may take, and the decision
// to try the next level: a driver tries exactly what it is told.
package power

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// Level is how much force an operation uses.
type Level string

// The levels, from asking the operating system to cutting the current.
const (
	Soft     Level = "soft"
	Hard     Level = "hard"
	VeryHard Level = "very_hard"
)

// Levels are all of them, weakest first.
func Levels() []Level { return []Level{Soft, Hard, VeryHard} }

// ParseLevel reads a level as users and configurations write it.
func ParseLevel(s string) (Level, error) {
	for _, l := range Levels() {
		if s == string(l) {
			return l, nil
		}
	}
	return "", fmt.Errorf("unknown power level %q (known: soft, hard, very_hard)", s)
}

// Escalate returns the levels to try in order when the first is from: a level that fails is followed at once by the
// next stronger one (Kadeploy3 1.5). It returns nothing for a level that does not exist.
func Escalate(from Level) []Level {
	all := Levels()
	for i, l := range all {
		if l == from {
			return all[i:]
		}
	}
	return nil
}

// Op is what is done to the power of a machine.
type Op string

// The operations. A status has no level.
const (
	OpReboot Op = "reboot"
	OpOn     Op = "on"
	OpOff    Op = "off"
	OpStatus Op = "status"
)

// Key names the command of the configuration for op at level: reboot_soft, power_on_hard, power_status.
func Key(op Op, level Level) string {
	switch op {
	case OpStatus:
		return "power_status"
	case OpReboot:
		return "reboot_" + string(level)
	}
	return "power_" + string(op) + "_" + string(level)
}

// Status is the power of a machine as far as it is known.
type Status string

// The states. Unknown is also the answer of operations that do not look.
const (
	Unknown Status = ""
	On      Status = "on"
	Off     Status = "off"
)

// Target is the machine of an operation.
type Target struct {
	Name     string // fully qualified
	Short    string // up to the first dot
	Addr     netip.Addr
	SSHPort  int
	UEFI     bool                      // its firmware
	Commands map[string]config.Command // by Key
	Control  config.Control
}

// Named puts the names of the machine in place of HOSTNAME_FQDN and HOSTNAME_SHORT.
func (t Target) Named(text string) string {
	return strings.NewReplacer("HOSTNAME_FQDN", t.Name, "HOSTNAME_SHORT", t.Short).Replace(text)
}

// Argv puts the names of the machine into each argument of a command.
func (t Target) Argv(command config.Command) ([]string, error) {
	argv := make([]string, len(command.Argv))
	for i, arg := range command.Argv {
		argv[i] = t.Named(arg)
		if i > 0 && argv[i] != arg && strings.HasPrefix(argv[i], "-") && !strings.HasPrefix(arg, "-") {
			return nil, fmt.Errorf("the name %q would be read as an option", argv[i])
		}
	}
	return argv, nil
}

// Driver is one way to reach the power of machines. Do returns when the order was carried out, not when the machine has
// booted. Its methods may be called for many machines at once.
type Driver interface {
	Do(ctx context.Context, target Target, op Op, level Level) (Status, error)
}

// BootSelector is what a driver can do that has a say in what the machine boots next.
type BootSelector interface {
	// BootOnce makes the next boot, and only that, one from the network.
	BootOnce(ctx context.Context, target Target) error
}

// ErrNoCommand says that the driver has no means for this operation at this level on this machine. The machine was not
// touched; the next level may have means.
var ErrNoCommand = errors.New("no command configured")
