package chain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// maxStrangers is how many connections may be in their handshake at a time.
const maxStrangers = 64

// candidate is a predecessor that proved the key and told its plan.
type candidate struct {
	wire  *wire
	plan  plan
	index *index // nil when the link has one already
	err   error  // it is authentic, but not for us
}

// admit lets connections in until the listener's deadline is moved to the past, then waits for those in their handshake.
func (l *link) admit(ctx context.Context) {
	slots := make(chan struct{}, maxStrangers)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := l.cfg.Listener.Accept()
		if err != nil {
			var again interface{ Temporary() bool }
			if ctx.Err() == nil && errors.As(err, &again) && again.Temporary() {
				<-slots
				if !pause(ctx, 50*time.Millisecond) { // out of file descriptors, say
					return
				}
				continue
			}
			if ctx.Err() == nil {
				l.post(ctx, event{kind: evFatal, err: fmt.Errorf("accept: %w", err)})
			}
			return
		}
		l.wg.Go(func() {
			defer func() { <-slots }()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			c, ok := l.interview(conn)
			if !ok || !l.post(ctx, event{kind: evCandidate, candidate: c}) {
				conn.Close()
			}
		})
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// interview does the handshake and reads the plan, and the manifest if the link has none. ok is false for a stranger, and for one who
// wants no answer.
func (l *link) interview(conn net.Conn) (c candidate, ok bool) {
	needs := l.needsManifest.Load()
	w, as, err := acceptHandshake(conn, l.secret, needs, l.timing.dial, roleFeed, roleProbe)
	if err != nil {
		return c, false
	}
	if as == roleProbe {
		_ = answerProbe(w, l.timing.dial) // whoever measures sees that the connection ends
		return c, false
	}
	_, b, err := w.expect(kindPlan, l.timing.stall)
	if err != nil {
		return c, false
	}
	c.wire = w
	if c.plan, c.err = decodePlan(b); c.err != nil {
		return c, true
	}
	if name := c.plan.links[c.plan.index].Name; l.cfg.Name != "" && name != l.cfg.Name {
		c.err = fmt.Errorf("this link is %s, the plan has %s at this address", l.cfg.Name, name)
		return c, true
	}
	if !needs {
		return c, true
	}
	if _, b, err = w.expect(kindManifest, l.timing.stall); err != nil {
		return c, false
	}
	c.index, c.err = l.accept(b)
	return c, true
}

// accept reads a manifest. Whoever was told which image to expect takes no other, and none that is not known to its end.
func (l *link) accept(b []byte) (*index, error) {
	x, err := decodeIndex(b)
	if err != nil || l.cfg.Manifest == (Digest{}) {
		return x, err
	}
	m := x.manifest()
	if m == nil {
		return nil, fmt.Errorf("%w: one without an end where %v was ordered", ErrManifest, l.cfg.Manifest)
	}
	if got := m.Digest(); got != l.cfg.Manifest {
		return nil, fmt.Errorf("%w: manifest %v where %v was ordered", ErrManifest, got, l.cfg.Manifest)
	}
	return x, nil
}
