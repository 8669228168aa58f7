package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// link is the state of one Receive. Its loop owns all of it but what is locked or atomic; the other goroutines post events.
type link struct {
	cfg    ReceiveConfig
	secret secret
	timing timing

	needsManifest atomic.Bool
	plan          atomic.Pointer[plan] // the first one: the order never changes during a transfer
	manifest      *Manifest            // this and those below are set before the goroutines that read them start
	ring          *ring
	table         *table
	feeder        *feeder

	events   chan event
	askAgain chan struct{}
	wg       sync.WaitGroup

	feed     *feed  // nil while nobody feeds us
	lost     string // why the last one was lost
	orphan   *time.Timer
	sinkErr  error
	sinkDone bool
	alone    bool // everything is here and nobody above: we finish for those below
	home     bool // bye came
	fed      bool // the feeder has ended
	own      entry
}

// event is what happened to a link.
type event struct {
	kind      eventKind
	feed      *feed
	candidate candidate
	cause     string
	err       error
}

type eventKind int

const (
	evCandidate eventKind = iota
	evLost                // the feed's connection is over
	evBye                 // the head has settled all
	evAbort               // the predecessor has no hope of more
	evSink                // the sink has ended, well or not
	evFeeder              // the feeder has ended
	evFatal               // this link cannot go on
)

func newLink(cfg ReceiveConfig) *link {
	l := &link{
		cfg:      cfg,
		secret:   secret{cfg.Transfer, cfg.Key},
		timing:   timing{cfg.DialTimeout, cfg.StallTimeout},
		events:   make(chan event),
		askAgain: make(chan struct{}, 1),
		orphan:   time.NewTimer(cfg.OrphanTimeout),
	}
	l.orphan.Stop() // the first predecessor may take its time
	l.needsManifest.Store(true)
	return l
}

// post hands an event to the loop; false when the loop is over.
func (l *link) post(ctx context.Context, e event) bool {
	select {
	case l.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *link) run(outer context.Context) error {
	ctx, cancel := context.WithCancelCause(outer)
	listener := l.cfg.Listener.(deadliner)
	if err := listener.SetDeadline(time.Time{}); err != nil {
		cancel(nil)
		return fmt.Errorf("listener: %w", err)
	}
	l.wg.Go(func() { l.admit(ctx) })
	err := l.loop(ctx)
	if err != nil && outer.Err() == nil && l.feed != nil {
		<-l.refuse(l.feed, refusal{final: true, cause: err.Error()})
	}
	cancel(err)
	_ = listener.SetDeadline(time.Unix(1, 0))
	l.wg.Wait()
	_ = listener.SetDeadline(time.Time{})
	if l.table != nil {
		l.own = l.table.get(l.plan.Load().index)
	}
	return err
}

// loop handles one event at a time until this link is of no more use.
func (l *link) loop(ctx context.Context) error {
	for {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.orphan.C:
			err = l.giveUp(ctx, fmt.Sprintf("%s and nobody took over within %v", l.lost, l.cfg.OrphanTimeout))
		case e := <-l.events:
			err = l.handle(ctx, e)
		}
		if err != nil {
			return err
		}
		if l.finished() {
			return l.verdict()
		}
	}
}

// handle takes events of the present feed and of no feed; what a former feed says no longer counts.
func (l *link) handle(ctx context.Context, e event) error {
	if e.feed != nil && e.feed != l.feed {
		return nil
	}
	switch e.kind {
	case evCandidate:
		return l.consider(ctx, e.candidate)
	case evLost:
		l.drop(e.cause)
	case evBye:
		l.home = true
		l.drop("sent us home")
		l.orphan.Stop()
		l.feeder.sendHome()
	case evAbort:
		l.drop("gave up: " + e.cause)
		return l.giveUp(ctx, l.lost)
	case evSink:
		l.sinkDone, l.sinkErr = true, e.err
		end := l.ring.position()
		if end.state = Done; e.err != nil {
			end.state, end.cause = Failed, clip(e.err.Error())
		}
		l.table.tell(l.plan.Load().index, end)
	case evFeeder:
		l.fed = true
	case evFatal:
		return e.err // those below are taken over by our predecessor
	}
	return nil
}

// finished reports whether nobody needs this link any more: it was sent home, or it finished for those below on its own.
func (l *link) finished() bool {
	if l.home {
		return l.fed
	}
	return l.alone && l.sinkDone && l.fed
}

// verdict is the error of a link that has finished.
func (l *link) verdict() error {
	if !l.sinkDone {
		return errors.New("sent home before the image was complete")
	}
	return l.sinkErr
}

// consider takes a predecessor on, or refuses it.
func (l *link) consider(ctx context.Context, c candidate) error {
	stranger := &feed{wire: c.wire}
	if c.err == nil && l.ring != nil && len(c.plan.links) != len(l.plan.Load().links) {
		c.err = errors.New("the plan is not the one this transfer began with")
	}
	if c.err != nil {
		gone := l.refuse(stranger, refusal{final: true, cause: c.err.Error()})
		if l.ring == nil {
			<-gone
			return c.err // it is authentic: no later one can be better
		}
		return nil
	}
	if l.home || l.feed != nil && !takesOver(l.feed.from, c.plan.feeder) {
		l.refuse(stranger, refusal{cause: "fed by another"})
		return nil
	}
	if l.feed != nil {
		l.refuse(l.feed, refusal{cause: "taken over by " + c.plan.name(c.plan.feeder)})
	}
	if l.ring == nil {
		l.begin(ctx, c)
	}
	l.adopt(ctx, c)
	return nil
}

// begin sets everything up that needs the manifest and the plan.
func (l *link) begin(ctx context.Context, c candidate) {
	l.plan.Store(&c.plan)
	l.manifest, l.ring, l.table = c.manifest, newRing(c.manifest, l.cfg.Ring), newTable(len(c.plan.links))
	l.needsManifest.Store(false)
	l.feeder = newFeeder(c.plan, c.plan.index, l.secret, l.manifest, l.ring, l.table, l.timing, l.cfg.dialer())
	d := &drain{sink: l.cfg.Sink, ring: l.ring, write: l.cfg.SinkTimeout, close: l.cfg.CloseTimeout, progress: l.cfg.Progress}
	l.wg.Go(func() { l.ring.verify(ctx, l.askAgain) })
	l.wg.Go(func() { l.post(ctx, event{kind: evSink, err: d.run(ctx)}) })
	l.wg.Go(func() {
		_ = l.feeder.run(ctx) // a ring never fails as a source
		l.post(ctx, event{kind: evFeeder})
	})
}

// adopt starts the two halves of a feed.
func (l *link) adopt(ctx context.Context, c candidate) {
	l.orphan.Stop()
	l.alone = false
	f := &feed{wire: c.wire, from: c.plan.feeder, name: c.plan.name(c.plan.feeder),
		quit: make(chan struct{}), silent: make(chan struct{}), over: make(chan struct{})}
	l.feed = f
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

// tellPosition puts this link's own progress into the table.
func (l *link) tellPosition() {
	e := l.ring.position()
	e.state = Receiving
	l.table.tell(l.plan.Load().index, e)
}
