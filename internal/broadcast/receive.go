package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/kadeploy/kadeploy/internal/outlet"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// ReceiveConfig describes one machine of a broadcast.
type ReceiveConfig struct {
	Listen string // host:port
	Key    Key
	Name   string // "": as the head calls this machine
	Outlet outlet.Outlet

	Wait     time.Duration // for the first call
	Orphan   time.Duration // for another predecessor, when one was lost
	SlowSink time.Duration // how long a full ring may wait for the outlet before this machine steps out of the chain
	Ring     int64         // bytes kept for those after it
	TLS      bool

	Stderr io.Writer
}

// Receive takes part in a broadcast until it ends. It returns nil when the whole image is here and the outlet has committed it;
// otherwise the outlet was given up.
func Receive(ctx context.Context, cfg ReceiveConfig) error {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		cfg.Outlet.Abort(err)
		return err
	}
	defer l.Close()
	fmt.Fprintf(cfg.Stderr, "listening on %s\n", l.Addr())
	ctx, called, stop := boundedWait(ctx, cfg.Wait)
	defer stop()
	began := time.Now()
	got, err := cfg.transfer(ctx, l, func() {
		began = time.Now()
		called()
	})
	if err != nil {
		cfg.Outlet.Abort(err) // before the first call the chain knows no outlet
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(cfg.Stderr, "received %d bytes in %s (%s), image %s\n",
		got.bytes, wording.Elapsed(took), perSecond(float64(got.bytes)/took.Seconds()), got.image)
	return nil
}

// received is what a receiver can say of the image.
type received struct {
	bytes int64
	image string
}

// boundedWait ends the context with a cause unless called is called in time.
func boundedWait(outer context.Context, limit time.Duration) (ctx context.Context, called, stop func()) {
	ctx, cancel := context.WithCancelCause(outer)
	timer := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("nobody with the key called within %v: is the sender running, and is it the same key?", limit))
	})
	return ctx, func() { timer.Stop() }, func() { timer.Stop(); cancel(errors.New("over")) }
}
