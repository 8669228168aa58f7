package chain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// abortGrace is how long a call that was under way is waited for after Abort.
const abortGrace = time.Second

// drain is the goroutine that owns the sink: it writes what the ring has verified, in order, and commits the end. Calls of the sink
// run in a goroutine of their own with a time limit: a disk that never answers must not hold the chain. Such a call is left behind
// if Abort does not free it.
type drain struct {
	sink         Sink
	ring         *ring
	write, close time.Duration
	progress     func(int64)
}

// maxWrite is the most that a sink is given at a time: its time limit is that of so many bytes.
const maxWrite = 256 << 10

// run returns nil when the sink took everything and accepted the end. Otherwise the ring goes on without a sink.
func (d *drain) run(ctx context.Context) (err error) {
	calls, results, idle := make(chan []byte), make(chan error, 1), make(chan struct{})
	defer func() {
		if err != nil {
			d.ring.dropSink()
			if a, ok := d.sink.(aborter); ok {
				a.Abort(err)
			}
		}
		close(calls)
		select {
		case <-idle:
		case <-time.After(abortGrace):
		}
	}()
	go func() {
		defer close(idle)
		serveSink(d.sink, calls, results)
	}()
	for {
		p, done := d.ring.unsunk()
		switch {
		case done:
			return d.call(ctx, calls, results, nil, d.close)
		case p == nil:
			select {
			case <-d.ring.good:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		if err := d.call(ctx, calls, results, p, d.write); err != nil {
			return err
		}
		written := d.ring.sank(len(p))
		if d.progress != nil {
			d.progress(written)
		}
	}
}

// call has one write done, or the close when p is nil.
func (d *drain) call(ctx context.Context, calls chan<- []byte, results <-chan error, p []byte, limit time.Duration) error {
	calls <- p // the goroutine is idle: it answered the call before
	timer := time.NewTimer(limit)
	defer timer.Stop()
	what := "write"
	if p == nil {
		what = "close"
	}
	select {
	case err := <-results:
		if err != nil {
			return fmt.Errorf("sink: %s: %w", what, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("sink: %s did not return within %v", what, limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// serveSink does one call at a time; a call that comes back after everyone left finds room in results.
func serveSink(s Sink, calls <-chan []byte, results chan<- error) {
	for p := range calls {
		if p == nil {
			results <- s.Close()
			return
		}
		n, err := s.Write(p)
		if err == nil && n < len(p) {
			err = errors.New("short write")
		}
		results <- err
	}
}
