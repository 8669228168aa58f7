// Package agent is the program of the deployment system on a node. It opens the marker port, calls the server, and does
// one order at a time on the machine it is given: partitions, file systems, its link of the chain, scripts, keys.
//
// It decides nothing: it knows no states, no retries, no neighbours. When its stream ends it cancels what it does and
// gives up; the server boots the node again. What an order can do to the machine is the driver's business
// (internal/machine), and the broadcast is package chain's; here is where both meet.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// End says what became of an agent.
type End int

// The ends.
const (
	EndLost   End = iota // the server is gone or does not want it; the error says which
	EndReboot            // the server ordered a reboot and knows that it happens
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
	Machine    machine.Machine //
	Address    netip.Addr      // own address: to listen on and to call from; the zero Addr: 127.0.0.1
	MarkerPort int             // open as long as Run runs
	Version    string          //
	Faults     []Fault         // sandbox only
	Crash      func()          // agent-crash calls it, and it does not return; nil: Run returns ErrCrashed at once
	Log        *slog.Logger    // nil: silent
}

const (
	firstRetry     = 100 * time.Millisecond
	lastRetry      = 2 * time.Second
	welcomeTimeout = 10 * time.Second // from the call to Welcome
)

// Run is the life of the agent. It calls until the server welcomes it, unless the server refuses it for good; after the
// welcome there is no second call. It returns when the stream has ended or ctx has, and every order it ran has stopped.
func Run(ctx context.Context, c Config) (End, error) {
	if err := c.complete(); err != nil {
		return EndLost, fmt.Errorf("agent: %w", err)
	}
	marker, err := openMarker(c.Address, c.MarkerPort)
	if err != nil {
		return EndLost, err
	}
	defer marker.close()
	link, err := call(ctx, &c)
	if err != nil {
		return EndLost, err
	}
	defer link.close()
	c.Log.Info("welcomed", "server", c.Server)
	return newLoop(&c, link).run()
}

func (c *Config) complete() error {
	if c.Machine == nil || c.Node == "" || c.Token == "" {
		return errors.New("node, token and machine must be given")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !c.Address.IsValid() {
		c.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	at, err := netip.ParseAddrPort(c.Server)
	if err != nil || !at.Addr().IsLoopback() || !c.Address.IsLoopback() {
		return fmt.Errorf("server %q, own address %s: the line is plaintext in this version, so both must be loopback addresses", c.Server, c.Address)
	}
	for _, f := range c.Faults {
		if f.Kind != "agent-crash" && f.Kind != "hung-order" {
			return fmt.Errorf("fault %q: want agent-crash or hung-order", f.Kind)
		}
	}
	return nil
}

// call tries until the server answers with a welcome.
func call(ctx context.Context, c *Config) (*link, error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		l, err := dial(ctx, c)
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("call the server at %s: %w", c.Server, context.Cause(ctx))
		}
		switch status.Code(err) {
		case codes.PermissionDenied, codes.FailedPrecondition, codes.InvalidArgument:
			return nil, fmt.Errorf("the server at %s refuses this agent: %s", c.Server, status.Convert(err).Message())
		}
		c.Log.Warn("the server does not answer yet", "server", c.Server, "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}
