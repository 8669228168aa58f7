package chain

import (
	"context"
	"fmt"
	"time"
)

// drop leaves the present feed, whose reading half is over, and starts the time within which another must come. The predecessor sees
// the connection end; if it lives, it calls again.
func (l *link) drop(why string) {
	f := l.feed
	if f == nil {
		return
	}
	l.feed = nil
	f.wire.conn.Close()
	close(f.quit)
	<-f.silent
	l.countVain(f)
	l.lost = fmt.Sprintf("predecessor %s died (%s)", f.name, why)
	l.orphan.Reset(l.cfg.OrphanTimeout)
	if l.vain >= vainLimit {
		l.orphan.Reset(0)
	}
	l.call.why, l.call.at = whyOrphan, time.Now()
	if !l.left { // the chain may take us over without the head's help
		l.call.at = l.call.at.Add(l.timing.stall / 4)
	}
}

// vainLimit is how many feeds in a row may end at once and bring nothing.
const vainLimit = 8

// countVain counts feeds that ended as soon as they began and brought nothing: a link that goes on calling must not do so for ever.
func (l *link) countVain(f *feed) {
	if l.ring.position().received > f.begin || time.Since(f.since) > l.timing.stall {
		l.vain = 0
		return
	}
	l.vain++
}

// goHome is told by the head, through the predecessor: everybody is settled.
func (l *link) goHome() {
	l.home = true
	l.drop("sent us home")
	l.orphan.Stop()
	if l.feeder != nil {
		l.feeder.sendHome()
	}
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

// giveUp decides what a link does for which no predecessor is left: it fails, and those below with it, unless it has everything.
func (l *link) giveUp(ctx context.Context, a abort) error {
	if l.ring.complete() {
		l.orphan.Stop()
		l.alone = true
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
