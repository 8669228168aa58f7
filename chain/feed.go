package chain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// feed is the connection to the predecessor of the moment.
type feed struct {
	wire   *wire
	from   int // index of the feeder
	name   string
	quit   chan struct{} // closed: the writing half is to leave
	silent chan struct{} // closed: it has left
	over   chan struct{} // closed: the reading half has left
}

// read takes frames from the predecessor until the connection ends, and returns the event that ended it.
func (l *link) read(ctx context.Context, f *feed) event {
	take := flow{ring: l.ring, stall: l.timing.stall}
	for {
		h, err := f.wire.next(l.timing.stall)
		if err == nil && h.kind == kindData {
			if err = take.data(ctx, f.wire, h); err == nil {
				continue
			}
		}
		var b []byte
		if err == nil {
			b, err = f.wire.payload(h)
		}
		if err != nil {
			return event{kind: evLost, feed: f, cause: l.feedCause(err)}
		}
		switch h.kind {
		case kindPing:
		case kindStart:
			err = l.start(ctx, f, &take, h.offset, b)
		case kindBye:
			return event{kind: evBye, feed: f}
		case kindAbort:
			var cause string
			if cause, err = decodeAbort(b); err == nil {
				return event{kind: evAbort, feed: f, cause: cause}
			}
		default:
			err = fmt.Errorf("sent a frame of kind %d away from the head", h.kind)
		}
		var fatal *fatalError
		if errors.As(err, &fatal) {
			return event{kind: evFatal, err: fatal.err}
		}
		if err != nil {
			return event{kind: evLost, feed: f, cause: err.Error()}
		}
	}
}

// errStale ends a range that nobody waits for any more.
var errStale = errors.New("another epoch began")

// fatalError ends the link, not only its feed.
type fatalError struct{ err error }

func (f *fatalError) Error() string { return f.err.Error() }

// tries is how often a hop may spoil one chunk.
const tries = 3

// start lines the flow up with what the feeder is about to send. What lies between our end and its beginning comes from the head.
func (l *link) start(ctx context.Context, f *feed, take *flow, offset int64, b []byte) error {
	s, err := decodeStart(b)
	if err != nil {
		return err
	}
	epoch, end, _ := l.ring.wanted()
	if s.serial != epoch {
		return nil // an answer to an earlier want; the later one is on its way
	}
	if offset < end || offset > l.manifest.Size {
		return fmt.Errorf("starts at %d where %d was wanted", offset, end)
	}
	if chunk, times := l.ring.blame(epoch, end, s.inherited); times >= tries {
		return &fatalError{fmt.Errorf("chunk %d arrived corrupt %d times from %s", chunk, times, f.name)}
	}
	take.epoch, take.at = epoch, end
	if offset == end {
		return nil
	}
	err = fetch(ctx, l.cfg.dialer(), l.plan.Load().head, l.secret, l.timing, end, offset, func(w *wire, h header) error {
		if err := take.data(ctx, w, h); err != nil || take.current() {
			return err
		}
		return errStale
	})
	if err != nil && take.current() {
		return &fatalError{err}
	}
	return nil
}

// write sends wants, heartbeats and news up to the predecessor until quit.
func (l *link) write(ctx context.Context, f *feed) {
	defer close(f.silent)
	tick := time.NewTicker(l.timing.stall / 4)
	defer tick.Stop()
	var version, asked uint64
	for {
		if epoch, offset, why := l.ring.wanted(); epoch != asked {
			if f.wire.control(kindWant, offset, want{serial: epoch, reason: why}.encode()) != nil {
				return // the reading half tells why
			}
			asked = epoch
		}
		l.tellPosition()
		news, v := l.table.since(version)
		if l.sendStatus(f.wire, news) != nil {
			return
		}
		version = v
		select {
		case <-tick.C:
		case <-l.table.news:
		case <-l.askAgain:
		case <-f.quit:
			return
		case <-ctx.Done():
			return
		}
	}
}

// statusEntries keeps a STATUS frame within its limit whatever the causes are.
const statusEntries = 1500

// sendStatus sends the news, an empty frame when there are none: it is the heartbeat.
func (l *link) sendStatus(w *wire, news []numbered) error {
	for {
		n := min(len(news), statusEntries)
		if err := w.control(kindStatus, 0, encodeStatus(news[:n])); err != nil {
			return err
		}
		if news = news[n:]; len(news) == 0 {
			return nil
		}
	}
}
