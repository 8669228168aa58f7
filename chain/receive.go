package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Sink takes the image: bytes in order, each verified before it is written. Close commits what was written and is called once, after
// the last byte. If the sink also has Abort(cause error), that is called instead of Close when the transfer fails; it may be called
// while a Write is blocked and must unblock it (closing a pipe or a file does).
type Sink interface {
	io.Writer
	Close() error
}

type aborter interface{ Abort(cause error) }

// ReceiveConfig describes one link of one broadcast.
type ReceiveConfig struct {
	Listener net.Listener // open, with SetDeadline as *net.TCPListener has it; the caller closes it
	Transfer [16]byte
	Key      [32]byte
	Manifest Digest // of the image expected: anything else is refused; zero: what the head has
	Name     string // as in Send's links: another name means that an address is wrong; "": any
	Sink     Sink
	TLS      bool // as in Send's configuration

	Begun    func()              // called once: a predecessor has proved the key, the transfer has begun
	Progress func(written int64) // calls never overlap
	Ring     int64               // bytes that the sink or the follower may lag behind; a quarter stays for the next follower; 0: 64 MiB; at least three chunks
	SlowSink time.Duration       // the link asks to leave the chain when its ring was full because of its sink for so long; 0: 2 s; negative: never
	DialFrom string              // local IP to call the follower from; "": any

	DialTimeout   time.Duration // to reach the follower and agree on the key; 0: 1 s
	StallTimeout  time.Duration // of silence before a peer is taken for dead; 0: 2 s, at least 20 ms; the same on all links and the head
	OrphanTimeout time.Duration // how long a link whose predecessor died waits for another; 0: 30 s
	SinkTimeout   time.Duration // one Write of the sink may take so long; 0: 60 s
	CloseTimeout  time.Duration // its Close may take so long; 0: 10 min
}

// ErrManifest tells of a predecessor that has another image than the one expected.
var ErrManifest = errors.New("predecessor has another image")

// ForsakenError is that of a link that nobody feeds any more before it has the whole image: the head is gone or has given up. Its sink has
// not failed.
type ForsakenError struct{ Cause string }

func (e *ForsakenError) Error() string { return e.Cause }

// Receive is a link of the chain: it writes the image to its sink and feeds the links after it. Until the first predecessor calls it
// waits for ctx alone. It returns when all links after it are settled too, or as soon as it cannot be of use any more. The result is
// OK exactly when the error is nil. A sink that fails makes the result not OK, but the links after it are served to the end.
func Receive(ctx context.Context, cfg ReceiveConfig) (Result, error) {
	if err := cfg.complete(); err != nil {
		return Result{Name: cfg.Name, Cause: err.Error()}, fmt.Errorf("chain: receive: %w", err)
	}
	s, err := newSecret(cfg.Transfer, cfg.Key, cfg.TLS)
	if err != nil {
		return Result{Name: cfg.Name, Cause: err.Error()}, fmt.Errorf("chain: receive: %w", err)
	}
	return newLink(cfg, s).receive(ctx)
}

// receive is Receive of a link that is set up.
func (l *link) receive(ctx context.Context) (Result, error) {
	err := l.run(ctx)
	e := l.own
	r := Result{Name: l.cfg.Name, OK: err == nil && e.state == Done, Bytes: e.written, Corrupt: int(e.corrupt), Late: l.late}
	if p := l.plan.Load(); p != nil {
		r.Name = p.name(p.index)
	}
	if l.index != nil && r.OK {
		r.Image = l.index.manifest().Digest()
	}
	if err != nil {
		r.Cause = clip(err.Error())
		return r, fmt.Errorf("chain: receive: %w", err)
	}
	return r, nil
}

func (c *ReceiveConfig) complete() error {
	c.DialTimeout, c.StallTimeout = orDefault(c.DialTimeout, time.Second), orDefault(c.StallTimeout, 2*time.Second)
	c.OrphanTimeout = orDefault(c.OrphanTimeout, 30*time.Second)
	c.SinkTimeout, c.CloseTimeout = orDefault(c.SinkTimeout, time.Minute), orDefault(c.CloseTimeout, 10*time.Minute)
	c.SlowSink = orDefault(c.SlowSink, 2*time.Second)
	if c.Ring == 0 {
		c.Ring = 64 << 20
	}
	if _, ok := c.Listener.(deadliner); !ok {
		return errors.New("no listener with SetDeadline")
	}
	if c.Sink == nil || len(c.Name) > maxName {
		return fmt.Errorf("a sink and a name of at most %d bytes are needed", maxName)
	}
	if c.StallTimeout < 20*time.Millisecond {
		return fmt.Errorf("stall timeout %v is below 20ms", c.StallTimeout)
	}
	if c.DialFrom != "" && net.ParseIP(c.DialFrom) == nil {
		return fmt.Errorf("%q, to dial from, is not an IP address", c.DialFrom)
	}
	return nil
}

func (c *ReceiveConfig) dialer() dialer {
	if c.DialFrom == "" {
		return new(net.Dialer)
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.DialFrom)}}
}

type deadliner interface{ SetDeadline(time.Time) error }
