package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/outlet"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// ReceiveConfig describes one machine of a broadcast.
type ReceiveConfig struct {
	Listen string // host:port
	Key    Key
	Name   string // "": as the head calls this machine
	Outlet outlet.Outlet

	Wait     time.Duration // for the first call; 0: without end
	Orphan   time.Duration // for another predecessor, when one was lost
	Stall    time.Duration // of silence before another machine is taken for lost; the head's
	SlowSink time.Duration // how long a full ring may wait for the outlet before this machine leaves the chain; 0: it never does
	Ring     int64         // bytes kept for those after it
	TLS      bool

	Stderr io.Writer
}

// Receive takes part in a broadcast until it ends. It returns nil when the whole image is here and the outlet has committed it;
// otherwise the outlet was given up.
func Receive(ctx context.Context, cfg ReceiveConfig) error {
	err := cfg.receive(ctx)
	if err != nil {
		cfg.Outlet.Abort(err) // before the first call the chain knows no outlet
	}
	return err
}

func (cfg *ReceiveConfig) receive(ctx context.Context) error {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Fprintf(cfg.Stderr, "listening on %s\n", l.Addr())
	ctx, called := boundedWait(ctx, cfg.Wait)
	defer called()
	began := time.Now()
	slowSink := cfg.SlowSink
	if slowSink == 0 {
		slowSink = -1
	}
	got, err := chain.Receive(ctx, chain.ReceiveConfig{
		Listener: l, Key: cfg.Key, Name: cfg.Name, Sink: cfg.Outlet, TLS: cfg.TLS,
		Ring: cfg.Ring, SlowSink: slowSink, OrphanTimeout: cfg.Orphan, StallTimeout: cfg.Stall,
		Begun: func() {
			called()
			began = time.Now()
		},
	})
	if err != nil {
		return errors.New(got.Cause)
	}
	took := time.Since(began)
	fmt.Fprintf(cfg.Stderr, "received %d bytes in %s (%s), image blake3-manifest %v\n",
		got.Bytes, wording.Elapsed(took), perSecond(float64(got.Bytes)/took.Seconds()), got.Image)
	return nil
}

// boundedWait ends the context with a cause unless called is called in time.
func boundedWait(outer context.Context, limit time.Duration) (ctx context.Context, called func()) {
	if limit == 0 {
		return outer, func() {}
	}
	ctx, cancel := context.WithCancelCause(outer)
	timer := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("nobody with the key called within %v: is the sender running, and is it the same key?", limit))
	})
	return ctx, func() { timer.Stop() }
}
