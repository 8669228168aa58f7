// Package ipmi switches power by IPMI 2.0 over the network (RMCP+, the lanplus of ipmitool).
//
// Each operation has a session of its own, which is closed however the operation ends: controllers have four to fifteen, and
// forget those of a program that died after a minute or so. What a controller says it did is looked at afterwards. A session
// asks for the privilege of an operator and no more.
package ipmi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/kadeploy/kadeploy/internal/credentials"
	"github.com/kadeploy/kadeploy/internal/power"
)

// Config holds the times of the driver. Its zero value is what real controllers need.
type Config struct {
	Patience power.Patience
	Answer   time.Duration // after which a packet is sent again; default 1 s
	Tries    int           // packets without an answer before a controller is taken for dead; default 5
	Alive    time.Duration // between two commands that keep the session of a console; default 15 s
}

// Driver reaches the controllers that the targets name. It may be used by many goroutines; two operations of one controller
// at once are two sessions.
type Driver struct{ cfg Config }

var (
	_ power.Driver       = (*Driver)(nil)
	_ power.BootSelector = (*Driver)(nil)
)

// New makes a driver. It opens nothing.
func New(cfg Config) *Driver {
	cfg.Answer, cfg.Tries, cfg.Alive = cmp.Or(cfg.Answer, time.Second), cmp.Or(cfg.Tries, 5), cmp.Or(cfg.Alive, 15*time.Second)
	return &Driver{cfg}
}

// Do carries out op at level (see power.Carry). IPMI cannot ask an operating system to boot again: a soft reboot of a machine
// that is on is ErrNoCommand.
func (d *Driver) Do(ctx context.Context, target power.Target, op power.Op, level power.Level) (power.Status, error) {
	var status power.Status
	err := d.Session(ctx, target, func(s *client.Client) (err error) {
		status, err = power.Carry(ctx, controller{s}, op, level, d.cfg.Patience)
		return err
	})
	return status, err
}

// BootOnce sets the boot flags for one boot (IPMI 2.0, 28.13), and reads them back: some controllers take what they do not do.
func (d *Driver) BootOnce(ctx context.Context, target power.Target) error {
	return d.Session(ctx, target, func(s *client.Client) error {
		firmware := types.BIOSBootTypeLegacy
		if target.UEFI {
			firmware = types.BIOSBootTypeEFI
		}
		if err := s.SetBootDevice(ctx, types.BootDeviceSelectorForcePXE, firmware, false); err != nil {
			return fmt.Errorf("boot from the network: %w", err)
		}
		var flags types.BootOptionParam_BootFlags
		if err := s.GetSystemBootOptionsParamFor(ctx, &flags); err != nil {
			return fmt.Errorf("boot from the network: taken, but it cannot be read back: %w", err)
		}
		if flags.BootDeviceSelector != types.BootDeviceSelectorForcePXE {
			return fmt.Errorf("boot from the network: taken, but the controller says it boots %s", flags.BootDeviceSelector)
		}
		return nil
	})
}

// Session runs work in a session with the controller of a target, and closes it. A controller that has no session left, or
// is busy, is asked again until the context ends, or for half a minute where it has no deadline. Errors name the controller.
func (d *Driver) Session(ctx context.Context, target power.Target, work func(*client.Client) error) error {
	address, port := split(target.Named(target.Control.Address))
	fail := func(err error) error {
		return fmt.Errorf("BMC %s of %s: %w", net.JoinHostPort(address, strconv.Itoa(port)), target.Name, worded(ctx, err))
	}
	login, err := credentials.For(target.Control.Credentials, target.Name, target.Short, address)
	if err != nil {
		return fail(err)
	}
	_, bounded := ctx.Deadline()
	begun := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		s, err := d.open(ctx, address, port, login, target.Control.CipherSuites)
		if err == nil {
			err = work(s)
			hangUp(ctx, s)
		}
		if err == nil {
			return nil
		}
		patient := bounded || time.Since(begun) < 30*time.Second
		if !busy(err) || !patient || power.Pause(ctx, wait) != nil {
			return fail(err)
		}
	}
}

// split finds host and port, 623 when there is none (the primary port of RMCP).
func split(address string) (host string, port int) {
	if h, p, err := net.SplitHostPort(address); err == nil {
		if n, err := strconv.Atoi(p); err == nil {
			return h, n
		}
	}
	return strings.Trim(address, "[]"), 623
}

// busy says that the controller may do later what it does not do now.
func busy(err error) bool {
	var status *types.RmcpStatusError
	if errors.As(err, &status) {
		return status.StatusCode() == types.RmcpStatusCodeNoResToCreateSess || status.StatusCode() == types.RmcpStatusCodeNoResToCreateSessAtRole
	}
	if refused, ok := types.IsResponseError(err); ok {
		return refused.CompletionCode() == types.CodeNodeBusy || refused.CompletionCode() == types.CodeCannotProvideResponseBMCInitialize
	}
	return errors.Is(err, errShort)
}
