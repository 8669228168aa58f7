package chain

import (
	"context"
	"time"
)

// consider takes a predecessor on, or not.
func (l *link) consider(ctx context.Context, c candidate) error {
	stranger := &feed{wire: c.wire}
	if c.err != nil {
		gone := l.refuse(stranger, refusal{failed, c.err.Error()})
		if l.ring == nil {
			<-gone
			return c.err // it is authentic: no later one can be better
		}
		return nil
	}
	switch what, r := l.offered(c.plan); what {
	case refuses:
		l.refuse(stranger, r)
	case closes:
		c.wire.conn.Close()
	case calls:
		c.wire.conn.Close()
		if l.called(time.Now()) {
			l.ask(ctx, whySkipped, "the head had lost it")
		}
	case staysOut:
		c.wire.conn.Close()
		l.stayOut(ctx, c)
	case takesOn, enters:
		l.relieve(refusal{fedByAnother, "taken over by " + c.plan.name(c.plan.feeder)})
		if l.ring == nil {
			l.begin(ctx, c)
		}
		if what == enters {
			l.enter(ctx, c.plan)
		}
		l.adopt(ctx, newFeed(c.wire, c.plan.feeder, c.plan.name(c.plan.feeder)))
	}
	return nil
}

// relieve ends the present feed, if there is one, with a last word.
func (l *link) relieve(r refusal) {
	if l.feed != nil {
		l.refuse(l.feed, r)
		l.feed = nil
	}
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
	l.place.begin(time.Now(), false)
	fctx, stop := context.WithCancel(ctx)
	f := newFeeder(feederConfig{plan: p, self: p.index, secret: l.secret, index: l.index, source: l.ring, table: l.table,
		timing: l.timing, dialer: l.dialer, lookout: p.head != "", slow: func(cause string) { l.post(fctx, event{kind: evSlow, cause: cause}) }})
	l.feeder, l.stopFeeder = f, stop
	l.wg.Go(func() {
		defer stop()
		f.run(fctx)
		l.post(ctx, event{kind: evFeeder, feeder: f})
	})
}

// stayOut begins a round outside of its chain, with all that was received so far.
func (l *link) stayOut(ctx context.Context, c candidate) {
	l.relieve(refusal{leaves, "called by another head"})
	if l.ring == nil {
		l.begin(ctx, c)
		l.ring.detach() // nobody follows
	}
	l.settle(c.plan)
	l.place.begin(time.Now(), true)
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
	l.place.adopt(time.Now(), f.from)
	l.feed = f
	f.begin = l.ring.position().received
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
