// Package agent is the program of the deployment system on a node. It opens the marker port, calls the server, and does
// one order at a time on the machine it is given: partitions, file systems, its link of the chain, scripts, keys.
//
// It decides nothing: it knows no states, no retries, no neighbours. When its connection breaks it cancels what it does, unless the server
// wants that kept, and calls again, as long as the server has said; what is mounted stays so. When the server ends the stream it gives up; the server boots
// the node again. What an order can do to the machine is the driver's business
// (internal/machine), and the broadcast is package chain's; here is where both meet.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// End says what became of an agent.
type End int

// The ends.
const (
	EndLost   End = iota // the server has been gone for too long, or does not want it; the error says which
	EndReboot            // the server ordered a reboot and knows that it happens
	EndKexec             // likewise with the kernel that is loaded
)

// ErrCrashed is the error of an agent in a process of others that met the fault agent-crash.
var ErrCrashed = errors.New("agent crashed by its fault")

// Fault makes a sandbox agent misbehave when an order of a micro-step arrives, the first time.
type Fault struct {
	Kind string // agent-crash: it dies without a word; hung-order: it never answers
	Step string // send_environment
}

// Config is one boot of an agent.
type Config struct {
	Server     string          // IP:PORT
	Node       string          // the name the server knows it by, also its name in the chain
	Token      string          // of this boot
	Pin        string          // sha256:..., of the server's authority: who cannot show it is not spoken to
	Machine    machine.Machine //
	Address    netip.Addr      // own address: to listen on and to call from; the zero Addr: 127.0.0.1
	MarkerPort int             // open as long as Run runs
	Stay       bool            // an agent that is lost does not return before its context ends: the machine is to be looked at
	Version    string          //
	Faults     []Fault         // sandbox only
	Crash      func()          // agent-crash calls it, and it does not return; nil: Run returns ErrCrashed at once
	Welcomed   func()          // called when the server has taken it, the first time; nil: nobody waits for that
	Log        *slog.Logger    // nil: silent
}

// Run is the life of the agent. It calls until the server welcomes it, unless the server refuses it for good, or is another one than
// the pin says. When the connection breaks afterwards it calls again with the same certificate, for the time that the welcome gave. Its key
// and its certificate end with it. It returns when the server has ended the stream, cannot be reached in that time, or ctx has ended, and
// every order it ran has stopped.
func Run(ctx context.Context, c Config) (End, error) {
	if err := c.complete(); err != nil {
		return EndLost, fmt.Errorf("agent: %w", err)
	}
	marker, err := openMarker(ctx, c.Address, c.MarkerPort)
	if err != nil {
		return EndLost, err
	}
	defer marker.close()
	end, err := serve(ctx, &c)
	if c.Stay && end == EndLost && ctx.Err() == nil {
		c.Log.Error("the agent has ended; the machine stays as it is", "err", err)
		<-ctx.Done()
	}
	return end, err
}

// serve obeys the server over one connection after the other.
func serve(ctx context.Context, c *Config) (End, error) {
	caller := &caller{config: c}
	link, err := caller.call(ctx)
	if err == nil && c.Welcomed != nil {
		c.Welcomed()
	}
	for err == nil {
		c.Log.Info("welcomed", "server", c.Server)
		loop := newLoop(ctx, c, link, caller.kept)
		end, ended := loop.run()
		if !errors.Is(ended, errAway) || link.reconnect <= 0 {
			return end, ended
		}
		c.Log.Warn("the connection broke: calling again", "server", c.Server, "for", link.reconnect, "err", ended)
		caller.kept = loop.kept
		link, err = caller.again(ctx, link.reconnect)
	}
	caller.kept.stop(err)
	return EndLost, err
}

func (c *Config) complete() error {
	if c.Machine == nil || c.Node == "" || c.Token == "" {
		return errors.New("node, token and machine must be given")
	}
	c.Faults = slices.Clone(c.Faults) // they happen once, whatever connection they are met on
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !c.Address.IsValid() {
		c.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if _, err := netip.ParseAddrPort(c.Server); err != nil {
		return fmt.Errorf("server %q: want IP:PORT", c.Server)
	}
	if err := pki.CheckPin(c.Pin); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	for _, f := range c.Faults {
		if f.Kind != "agent-crash" && f.Kind != "hung-order" {
			return fmt.Errorf("fault %q: want agent-crash or hung-order", f.Kind)
		}
	}
	return nil
}
