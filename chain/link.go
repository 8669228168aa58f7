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
	place
	cfg    ReceiveConfig
	secret secret
	timing timing
	dialer dialer

	needsManifest atomic.Bool
	index         *index // this and the next are set before the goroutines that read them start
	ring          *ring
	table         *table // of the present round, as the feeder; both change only while nobody else looks at them
	feeder        *feeder
	stopFeeder    context.CancelFunc

	events chan event
	wg     sync.WaitGroup

	feed *feed // nil while nobody feeds us
	full bool  // as the predecessor was told
	end  entry // once the sink is done
	own  entry
}

// event is what happened to a link.
type event struct {
	kind      eventKind
	feed      *feed
	feeder    *feeder
	candidate candidate
	answer    callAnswer
	abort     abort
	cause     string
	err       error
}

type eventKind int

const (
	evCandidate eventKind = iota
	evLost                // the feed's connection is over
	evBye                 // the head has settled all
	evAbort               // the predecessor has no hope of more
	evSkipped             // the predecessor goes on without us
	evHopeless            // the feed is of no use any more
	evAnswer              // the head answered our call, or did not
	evSlow                // it is our own connection that is slow
	evSink                // the sink has ended, well or not
	evFeeder              // a feeder has ended
	evFatal               // this link cannot go on
)

func newLink(cfg ReceiveConfig, s secret) *link {
	l := &link{
		place:  place{stall: cfg.StallTimeout, orphanTimeout: cfg.OrphanTimeout, from: nobody, patience: patience{limit: cfg.SlowSink}},
		cfg:    cfg,
		secret: s,
		timing: timing{cfg.DialTimeout, cfg.StallTimeout},
		dialer: cfg.dialer(),
		events: make(chan event),
	}
	l.needsManifest.Store(true)
	return l
}

// post hands an event to the loop; false when ctx is over before.
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
		<-l.refuse(l.feed, refusal{failed, err.Error()})
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

// lookAround is how often a link looks at itself.
const lookAround = 100 * time.Millisecond

// loop handles one event at a time until this link is of no more use.
func (l *link) loop(ctx context.Context) error {
	tick := time.NewTicker(min(lookAround, l.timing.stall/4))
	defer tick.Stop()
	orphan := time.NewTimer(l.orphanTimeout)
	defer orphan.Stop()
	for {
		if orphan.Stop(); !l.deadline.IsZero() {
			orphan.Reset(time.Until(l.deadline))
		}
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-orphan.C:
			err = l.giveUp(ctx, abort{false, l.lost + l.howLong()})
		case now := <-tick.C:
			l.lookAround(ctx, now)
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

// handle takes events of the present feed and of no feed; what a former feed or feeder says no longer counts.
func (l *link) handle(ctx context.Context, e event) error {
	if e.feed != nil && e.feed != l.feed || e.feeder != nil && e.feeder != l.feeder {
		return nil
	}
	switch e.kind {
	case evCandidate:
		return l.consider(ctx, e.candidate)
	case evAnswer:
		l.answered(ctx, e.answer)
	case evLost:
		l.drop(e.cause)
	case evBye:
		l.goHome()
	case evAbort:
		return l.aborted(ctx, e.abort)
	case evSkipped:
		l.skipped(e.cause)
	case evHopeless:
		return l.hopeless(e.err)
	case evSlow:
		l.ask(ctx, whySlowLink, e.cause)
	case evSink:
		l.sinkEnded(e.err)
	case evFeeder:
		l.fed = true
	case evFatal:
		return e.err // those below are taken over by our predecessor
	}
	return nil
}

// lookAround notices what no event tells: that the sink holds up the chain, and that nobody feeds us.
func (l *link) lookAround(ctx context.Context, now time.Time) {
	if l.ring == nil {
		return
	}
	full, bySink := l.ring.blocked()
	if l.feed != nil && full != l.full {
		l.full = full
		signal(l.table.news)
	}
	if why, call := l.look(now, bySink, l.ring.onlySink()); call {
		l.ask(ctx, why, l.because(why))
	}
}

func (l *link) sinkEnded(err error) {
	l.sinkDone, l.sinkErr = true, err
	l.end = l.ring.position()
	if l.end.state = Done; err != nil {
		l.end.state, l.end.by, l.end.cause = Failed, itself, clip(err.Error())
	}
	l.table.tell(l.plan.Load().index, l.end)
}

// verdict is the error of a link that has finished.
func (l *link) verdict() error {
	if !l.sinkDone {
		return errors.New("sent home before the image was complete")
	}
	return l.sinkErr
}

// tellPosition puts this link's own progress into the table.
func (l *link) tellPosition() {
	e := l.ring.position()
	e.state = Receiving
	l.table.tell(l.plan.Load().index, e)
}
