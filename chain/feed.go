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
	begin  int64         // bytes the link had then
	quit   chan struct{} // closed: the writing half is to leave
	silent chan struct{} // closed: it has left
	over   chan struct{} // closed: the reading half has left
}

func newFeed(w *wire, from int, name string) *feed {
	return &feed{wire: w, from: from, name: name, quit: make(chan struct{}), silent: make(chan struct{}), over: make(chan struct{})}
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
		end, err := l.hear(ctx, f, &take, h, b)
		var gone *fatalError
		switch {
		case errors.As(err, &gone):
			return event{kind: evHopeless, feed: f, err: gone.err}
		case err != nil:
			return event{kind: evLost, feed: f, cause: err.Error()}
		case end != nil:
			return *end
		}
	}
}

// hear takes a control frame. It returns an event when the feed ends with it.
func (l *link) hear(ctx context.Context, f *feed, take *flow, h header, b []byte) (*event, error) {
	switch h.kind {
	case kindPing:
		return nil, nil
	case kindStart:
		return nil, l.start(ctx, f, take, h.offset, b)
	case kindDigests:
		digests, err := decodeDigests(b)
		if err == nil {
			err = l.index.add(int(h.offset), digests)
		}
		l.ring.grew()
		return nil, err
	case kindEnd:
		if _, now := l.index.end(); now == noEnd && h.offset < l.ring.position().received {
			return nil, fmt.Errorf("ends the image at %d", h.offset)
		}
		err := l.index.seal(h.offset)
		l.ring.grew()
		return nil, err
	case kindBye:
		return &event{kind: evBye, feed: f}, nil
	case kindAbort:
		a, err := decodeAbort(b)
		return &event{kind: evAbort, feed: f, abort: a}, err
	case kindSkip:
		cause, err := decodeSkip(b)
		return &event{kind: evSkipped, feed: f, cause: cause}, err
	}
	return nil, fmt.Errorf("sent a frame of kind %d away from the head", h.kind)
}

// errStale ends a range that nobody waits for any more.
var errStale = errors.New("another epoch began")

// fatalError tells that a link gets no further in the chain.
type fatalError struct{ err error }

func (f *fatalError) Error() string { return f.err.Error() }

// Limits of what a way may spoil.
const (
	hopTries = 1 // so often a chunk is asked for again over its hop, then it comes from the head
	allTries = 3 // so often in all
	hopSpoil = 8 // so many chunks, and the link leaves the chain
)

// start lines the flow up with what the feeder is about to send. What lies between our end and its beginning comes from the head.
func (l *link) start(ctx context.Context, f *feed, take *flow, offset int64, b []byte) error {
	s, err := decodeStart(b)
	if err != nil {
		return err
	}
	epoch, end, ask, _ := l.ring.wanted()
	if s.serial != epoch {
		return nil // an answer to an earlier want; the later one is on its way
	}
	if offset < ask || offset > l.index.limit() && offset != ask {
		return fmt.Errorf("starts at %d where %d was wanted", offset, ask)
	}
	chunk, times, all := l.ring.blame(epoch, end, s.inherited, partyOf(f.from))
	switch {
	case times >= allTries:
		return &fatalError{fmt.Errorf("chunk %d arrived corrupt %d times, from %s and from the head", chunk, times, f.name)}
	case all >= hopSpoil && !l.left:
		return &fatalError{fmt.Errorf("chunks arrived corrupt %d times from %s", all, f.name)}
	}
	take.epoch, take.at = epoch, end
	if offset == end {
		return nil
	}
	err = fetch(ctx, l.dialer, l.plan.Load().head, l.secret, l.timing, end, offset, func(w *wire, h header) error {
		if err := take.data(ctx, w, h); err != nil || take.current() {
			return err
		}
		return errStale
	})
	switch {
	case !take.current(): // another feed has begun, or a chunk of the range did not match
		l.ring.blameHead(take.epoch)
		return nil
	case err == nil:
		return nil
	case l.plan.Load().head == "":
		return &fatalError{err}
	}
	return err // the head may be out of reach for a while: another feed begins with the same gap
}

// write speaks to the predecessor until quit. When that fails the reading half tells why; but one that waits for room in the ring,
// because those after it are slow, does not see for a long time that nobody is there any more.
func (l *link) write(ctx context.Context, f *feed) {
	defer close(f.silent)
	err := l.speak(ctx, f)
	if err == nil {
		return
	}
	select {
	case <-f.over:
		return
	case <-f.quit:
		return
	case <-ctx.Done():
		return
	case <-time.After(l.timing.stall):
	}
	select {
	case l.events <- event{kind: evLost, feed: f, cause: short(err)}:
	case <-f.quit:
	case <-ctx.Done():
	}
}

// speak sends wants, heartbeats and news up to the predecessor until quit.
func (l *link) speak(ctx context.Context, f *feed) error {
	tick := time.NewTicker(l.timing.stall / 4)
	defer tick.Stop()
	var version, asked uint64
	for {
		if epoch, _, ask, why := l.ring.wanted(); epoch != asked {
			known, prefix := l.index.prefix()
			if err := f.wire.control(kindWant, ask, want{serial: epoch, reason: why, known: known, prefix: prefix}.encode()); err != nil {
				return err
			}
			asked = epoch
		}
		l.tellPosition()
		news, v := l.table.since(version)
		if err := l.sendStatus(f.wire, news); err != nil {
			return err
		}
		version = v
		select {
		case <-tick.C:
		case <-l.table.news:
		case <-l.ring.rejected:
		case <-f.quit:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// statusEntries keeps a STATUS frame within its limit whatever the causes are.
const statusEntries = 1500

// sendStatus sends the news, an empty frame when there are none: it is the heartbeat.
func (l *link) sendStatus(w *wire, news []numbered) error {
	full, _ := l.ring.blocked()
	for {
		n := min(len(news), statusEntries)
		if err := w.control(kindStatus, 0, status{full, news[:n]}.encode()); err != nil {
			return err
		}
		if news = news[n:]; len(news) == 0 {
			return nil
		}
	}
}
