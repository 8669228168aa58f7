package chain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// call is when a link may call the head next, and why.
type call struct {
	why     why
	at      time.Time
	waiting bool // for an answer
}

func (c *call) due(now time.Time) bool { return !c.waiting && !now.Before(c.at) }

// callAnswer is what came of a call: a connection on which the head will feed us, or none.
type callAnswer struct {
	why   why
	cause string
	wire  *wire
	err   error
}

// errStay is the head's answer to a link that belongs to the chain as yet.
var errStay = errors.New("the head wants it to stay in the chain")

// ask calls the head: the link has left the chain, or would like to. It stays where it is until the head agrees.
func (l *link) ask(ctx context.Context, why why, cause string) {
	p := l.plan.Load()
	if l.call.waiting || p.head == "" {
		return
	}
	l.call.waiting = true
	j := join{why, p.name(p.index), cause}
	l.wg.Go(func() {
		w, err := l.callHead(ctx, p.head, j)
		if !l.post(ctx, event{kind: evAnswer, answer: callAnswer{why, cause, w, err}}) && w != nil {
			w.conn.Close()
		}
	})
}

func (l *link) callHead(ctx context.Context, addr string, j join) (*wire, error) {
	w, _, err := dial(ctx, l.dialer, addr, l.secret, roleJoin, l.timing.dial)
	if err != nil {
		return nil, fmt.Errorf("call the head: %w", err)
	}
	defer context.AfterFunc(ctx, func() { w.conn.Close() })()
	var a admit
	if err = w.control(kindJoin, 0, j.encode()); err == nil {
		var b []byte
		if _, b, err = w.expect(kindAdmit, l.timing.stall); err == nil {
			a, err = decodeAdmit(b)
		}
	}
	if err == nil && !a.come {
		err = errStay
	}
	if err != nil {
		w.conn.Close()
		return nil, err
	}
	return w, nil
}

// answered goes on with what the head said.
func (l *link) answered(ctx context.Context, a callAnswer) error {
	l.call.waiting = false
	l.call.at = time.Now().Add(l.timing.stall / 2)
	switch {
	case a.err != nil:
		return nil // the chain may take us over, or another call go through, until the orphan timeout
	case l.home || l.alone:
		a.wire.conn.Close()
		return nil
	}
	l.late = l.late || a.why != whyWriting
	l.leave(a.cause)
	l.adopt(ctx, newFeed(a.wire, headIndex, "the head"))
	return nil
}

// leave takes the link out of the chain: its predecessor is told, and those after it will hear from that one.
func (l *link) leave(cause string) {
	l.left = true
	if l.feed != nil {
		l.lost = cause
		l.refuse(l.feed, refusal{leaves, cause})
		l.feed = nil
	}
	if l.feeder != nil {
		l.stopFeeder()
	}
}

// knocked takes a call of the head to a link that it thinks lost, or that came too late for the chain: call me.
func (l *link) knocked(ctx context.Context, c candidate) {
	c.wire.conn.Close()
	now := l.plan.Load()
	if l.home || now != nil && c.plan.round < now.round {
		return
	}
	if now == nil || c.plan.round > now.round {
		l.stayOut(ctx, c)
	}
	switch {
	case l.feed == nil:
		l.call.at = time.Now()
	case !l.left && l.sinkErr == nil: // who feeds it is lost, too, or was cut off when it said so
		l.ask(ctx, whySkipped, "the head had lost it")
	}
}

// stayOut begins a round outside of its chain, with all that was received so far.
func (l *link) stayOut(ctx context.Context, c candidate) {
	if l.feed != nil {
		l.refuse(l.feed, refusal{leaves, "called by another head"})
		l.feed = nil
	}
	if l.ring == nil {
		l.begin(ctx, c)
		l.ring.detach() // nobody follows
	}
	l.settle(c.plan)
	l.left, l.fed, l.alone = true, true, false
	l.lost = "it came late"
	l.orphan.Reset(l.cfg.OrphanTimeout)
}

// skipped is told by a predecessor that goes on without us.
func (l *link) skipped(cause string) {
	name := l.feed.name
	l.drop(cause)
	l.lost = fmt.Sprintf("skipped by %s: %s", name, cause)
	l.leave(l.lost)
	l.call.why, l.call.at = whySkipped, time.Now()
}

// hopeless ends a feed that will not bring the image: the head must. Without it the link has failed.
func (l *link) hopeless(ctx context.Context, err error) error {
	if l.left || l.plan.Load().head == "" {
		return err
	}
	l.leave(err.Error())
	l.lost = err.Error()
	l.orphan.Reset(l.cfg.OrphanTimeout)
	l.call.why, l.call.at = whySpoiled, time.Now()
	return nil
}

// aborted is told by a predecessor that got no further itself. Those below are told at once; the head is called in case it lives.
func (l *link) aborted(ctx context.Context, a abort) error {
	l.drop("gave up: " + a.cause)
	if l.left || a.over || l.ring.complete() || l.plan.Load().head == "" {
		return l.giveUp(ctx, abort{a.over, l.lost})
	}
	l.left = true
	l.feeder.giveUp(abort{false, l.lost})
	l.orphan.Reset(min(l.cfg.OrphanTimeout, 2*l.timing.stall))
	l.call.at = time.Now()
	return nil
}
