package chain

import (
	"context"
	"errors"
	"time"
)

// consider takes a predecessor on, or refuses it.
func (l *link) consider(ctx context.Context, c candidate) error {
	stranger := &feed{wire: c.wire}
	now := l.plan.Load()
	if c.err == nil && now != nil && c.plan.round == now.round && len(c.plan.links) != len(now.links) {
		c.err = errors.New("the plan is not the one this round began with")
	}
	if c.err != nil {
		gone := l.refuse(stranger, refusal{failed, c.err.Error()})
		if l.ring == nil {
			<-gone
			return c.err // it is authentic: no later one can be better
		}
		return nil
	}
	switch {
	case c.plan.late:
		l.knocked(ctx, c)
		return nil
	case l.home, now != nil && c.plan.round < now.round:
		l.refuse(stranger, refusal{fedByAnother, "fed by another"})
		return nil
	case now != nil && c.plan.round == now.round && l.left:
		l.refuse(stranger, refusal{leaves, l.lost})
		return nil
	case now != nil && c.plan.round == now.round && l.feed != nil && !takesOver(l.feed.from, c.plan.feeder):
		l.refuse(stranger, refusal{fedByAnother, "fed by another"})
		return nil
	}
	if l.feed != nil {
		l.refuse(l.feed, refusal{fedByAnother, "taken over by " + c.plan.name(c.plan.feeder)})
		l.feed = nil
	}
	if l.ring == nil {
		l.begin(ctx, c)
	}
	if now == nil || c.plan.round > now.round {
		l.enter(ctx, c.plan)
	}
	l.adopt(ctx, newFeed(c.wire, c.plan.feeder, c.plan.name(c.plan.feeder)))
	return nil
}

// begin sets up what stays for the whole transfer: what is known of the image, the ring, and the sink.
func (l *link) begin(ctx context.Context, c candidate) {
	l.index, l.ring = c.index, newRing(c.index, l.cfg.Ring)
	l.needsManifest.Store(false)
	if l.cfg.Begun != nil {
		l.cfg.Begun()
	}
	d := &drain{sink: l.cfg.Sink, ring: l.ring, write: l.cfg.SinkTimeout, close: l.cfg.CloseTimeout, progress: l.cfg.Progress}
	l.wg.Go(func() { l.post(ctx, event{kind: evSink, err: d.run(ctx)}) })
}

// enter takes a place in the chain of a head that started later than the one before, with all that was received so far.
func (l *link) enter(ctx context.Context, p plan) {
	l.settle(p)
	l.left, l.fed = false, false
	fctx, stop := context.WithCancel(ctx)
	f := newFeeder(feederConfig{plan: p, self: p.index, secret: l.secret, index: l.index, source: l.ring, table: l.table,
		timing: l.timing, dialer: l.dialer, lookout: p.head != "", slow: func(cause string) { l.post(fctx, event{kind: evSlow, cause: cause}) }})
	l.feeder, l.stopFeeder = f, stop
	l.wg.Go(func() {
		defer stop()
		_ = f.run(fctx) // a ring never fails as a source
		l.post(ctx, event{kind: evFeeder, feeder: f})
	})
}

// settle begins a round's account of the links. Nobody feeds us or is fed by us then.
func (l *link) settle(p plan) {
	if l.feeder != nil {
		l.stopFeeder()
		<-l.feeder.ended
	}
	l.plan.Store(&p)
	l.table = newTable(len(p.links))
	if l.sinkDone {
		l.table.tell(p.index, l.end)
	}
}

// adopt starts the two halves of a feed.
func (l *link) adopt(ctx context.Context, f *feed) {
	l.orphan.Stop()
	l.alone = false
	l.feed = f
	f.since, f.begin = time.Now(), l.ring.position().received
	l.ring.renew()
	stop := context.AfterFunc(ctx, func() { f.wire.conn.Close() })
	l.wg.Go(func() { l.write(ctx, f) })
	l.wg.Go(func() {
		defer stop()
		e := l.read(ctx, f)
		close(f.over)
		l.post(ctx, e)
	})
}
