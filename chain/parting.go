package chain

import (
	"context"
	"fmt"
	"time"
)

// drop leaves the present feed, whose reading half is over. The predecessor sees the connection end; if it lives, it calls again.
func (l *link) drop(why string) {
	f := l.feed
	l.feed = nil
	f.wire.conn.Close()
	close(f.quit)
	<-f.silent
	brought := l.ring.position().received > f.begin
	l.place.drop(time.Now(), brought, fmt.Sprintf("predecessor %s died (%s)", f.name, why))
}

// goHome is told by the head, through the predecessor: everybody is settled.
func (l *link) goHome() {
	l.drop("sent us home")
	l.place.goHome()
	if l.feeder != nil {
		l.feeder.sendHome()
	}
}

// leave takes the link out of the chain: its predecessor is told, and those after it will hear from that one.
func (l *link) leave(cause string) {
	l.place.leave(cause)
	l.part(cause)
}

// part tells the predecessor, if there is one, that the link is out of the chain, and feeds nobody any more.
func (l *link) part(cause string) {
	l.relieve(refusal{leaves, cause})
	if l.feeder != nil {
		l.stopFeeder()
	}
}

// skipped is told by a predecessor that goes on without us.
func (l *link) skipped(cause string) {
	name := l.feed.name
	l.drop(cause)
	l.place.skipped(time.Now(), fmt.Sprintf("skipped by %s: %s", name, cause))
	l.part(l.lost)
}

// hopeless ends a feed that will not bring the image: the head must. Without it the link has failed.
func (l *link) hopeless(err error) error {
	if !l.place.hopeless(time.Now(), err.Error()) {
		return err
	}
	l.part(err.Error())
	return nil
}

// aborted is told by a predecessor that got no further itself. Those below are told at once; the head is called in case it lives.
func (l *link) aborted(ctx context.Context, a abort) error {
	l.drop("gave up: " + a.cause)
	if !l.place.aborted(time.Now(), a.over, l.ring.complete()) {
		return l.giveUp(ctx, l.lastWord(a))
	}
	l.feeder.giveUp(abort{false, l.lost})
	return nil
}

// partingTime bounds the last words to a predecessor that may be frozen.
const partingTime = 200 * time.Millisecond

// refuse says the last word on a connection, without holding up the loop for longer than partingTime. The connection is closed when
// the peer has had time to read it; then the channel is.
func (l *link) refuse(f *feed, r refusal) <-chan struct{} {
	_ = f.wire.conn.SetWriteDeadline(time.Now().Add(partingTime))
	if f.quit != nil {
		close(f.quit)
		<-f.silent
	}
	gone := make(chan struct{})
	err := f.wire.control(kindRefuse, 0, r.encode())
	l.wg.Go(func() {
		defer close(gone)
		defer f.wire.conn.Close()
		if err != nil {
			return
		}
		if f.over != nil { // its reading half reads on, so that we need not
			select {
			case <-f.over:
			case <-time.After(partingTime):
				return
			}
		}
		f.wire.farewell(partingTime)
	})
	return gone
}

// giveUp is what a link does for which no predecessor is left: it fails, and those below with it, unless it has everything.
func (l *link) giveUp(ctx context.Context, a abort) error {
	if l.place.giveUp(l.ring.complete()) {
		if !l.left {
			l.wg.Go(func() { l.closeDown(ctx, l.table, l.feeder) })
		}
		return nil
	}
	if l.feeder != nil && !l.left {
		l.feeder.giveUp(a)
		select {
		case <-l.feeder.ended:
		case <-time.After(l.timing.stall):
		}
	}
	if l.sinkErr != nil { // it had failed before
		return l.sinkErr
	}
	return &ForsakenError{a.cause}
}

// closeDown sends those below home once they are settled, or fed by another.
func (l *link) closeDown(ctx context.Context, t *table, f *feeder) {
	for !t.settled(f.self+1) && !f.resting.Load() {
		if !pause(ctx, l.timing.stall/4) {
			return
		}
	}
	f.sendHome()
}
