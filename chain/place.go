package chain

import (
	"fmt"
	"sync/atomic"
	"time"
)

// place is how a link stands in its transfer: who feeds it, whether it is in the chain, when it calls the head, and what becomes of it
// when nobody feeds it. It decides and does nothing: no clock, no connection. The link's loop owns it, tells it what happened, and acts.
type place struct {
	stall         time.Duration
	orphanTimeout time.Duration

	plan     atomic.Pointer[plan] // of the present round; nil before the first; other goroutines read it
	from     int                  // who feeds it; nobody
	since    time.Time            // that feed began
	lost     string               // why the last one ended
	vain     int                  // feeds in a row that ended at once
	deadline time.Time            // of another feed; zero: none is waited for
	call     call
	patience patience
	idle     time.Time // since when the sink is all that is left to do; zero: there is more
	left     bool      // out of the chain: fed by the head, or about to be
	late     bool      // and not only because of the sink's last bytes
	sinkDone bool
	sinkErr  error
	fed      bool // the feeder has ended
	alone    bool // everything is here and nobody above: we finish for those below
	home     bool // bye came
}

// nobody feeds a link that waits.
const nobody = headIndex - 1

// reaction is what a link does with whoever sends it a PLAN.
type reaction int

const (
	refuses  reaction = iota // with a refusal
	closes                   // without a word
	calls                    // closes; the head takes the link for lost, and is to be called
	staysOut                 // closes, and begins this round outside of its chain
	takesOn                  // this feeder instead of the present one, if there is one
	enters                   // takes it on, and begins this round
)

// offered decides about a PLAN. It is the table of "Who feeds whom" in docs/chain-protocol.md.
func (p *place) offered(o plan) (reaction, refusal) {
	now := p.plan.Load()
	same, old := now != nil && o.round == now.round, now != nil && o.round < now.round
	switch {
	case same && len(o.links) != len(now.links):
		return refuses, refusal{failed, "the plan is not the one this round began with"}
	case o.late && (p.home || old):
		return closes, refusal{}
	case o.late && same:
		return calls, refusal{}
	case o.late:
		return staysOut, refusal{}
	case p.home || old:
		return refuses, refusal{fedByAnother, "fed by another"}
	case same && p.left:
		return refuses, refusal{leaves, p.lost}
	case same && p.from != nobody && !takesOver(p.from, o.feeder):
		return refuses, refusal{fedByAnother, "fed by another"}
	case same:
		return takesOn, refusal{}
	}
	return enters, refusal{}
}

// begin notes that a round has begun: in its chain, or outside of it, for a link that came too late.
func (p *place) begin(now time.Time, outside bool) {
	p.left, p.fed = outside, outside
	if outside {
		p.alone = false
		p.from, p.lost, p.deadline, p.call.at = nobody, "it came late", now.Add(p.orphanTimeout), now
	}
}

// adopt notes who feeds the link now.
func (p *place) adopt(now time.Time, from int) {
	p.from, p.since, p.deadline, p.alone = from, now, time.Time{}, false
}

// vainLimit is how many feeds in a row may end at once and bring nothing: a link that goes on calling must not do so for ever.
const vainLimit = 8

// drop notes that the feed has ended, and whether it brought anything. Another must come in time. It may come without the head's help
// while the link is in the chain, so the head is not called at once.
func (p *place) drop(now time.Time, brought bool, cause string) {
	if p.vain++; brought || now.Sub(p.since) > p.stall {
		p.vain = 0
	}
	p.from, p.lost, p.deadline = nobody, cause, now.Add(p.orphanTimeout)
	if p.vain >= vainLimit {
		p.deadline = now
	}
	p.call.why, p.call.at = whyOrphan, now
	if !p.left {
		p.call.at = now.Add(p.stall / 4)
	}
}

// goHome notes that everybody is settled.
func (p *place) goHome() { p.home, p.deadline = true, time.Time{} }

// leave notes that the link is out of the chain, and of a feed if it has one.
func (p *place) leave(cause string) {
	if p.left = true; p.from != nobody {
		p.from, p.lost = nobody, cause
	}
}

// skipped follows drop: the feeder goes on without the link.
func (p *place) skipped(now time.Time, cause string) {
	p.left, p.lost = true, cause
	p.call.why, p.call.at = whySkipped, now
}

// hopeless decides about a feed that will not bring the image: true if the link leaves the chain for the head, false if it has failed.
func (p *place) hopeless(now time.Time, cause string) bool {
	if p.left || p.plan.Load().head == "" {
		return false
	}
	p.leave(cause)
	p.deadline = now.Add(p.orphanTimeout)
	p.call.why, p.call.at = whySpoiled, now
	return true
}

// aborted follows drop, when the feeder got no further itself: true if the link leaves the chain in case that the head lives, false if
// it gives up.
func (p *place) aborted(now time.Time, over, complete bool) bool {
	if p.left || over || complete || p.plan.Load().head == "" {
		return false
	}
	p.left = true
	p.deadline, p.call.at = now.Add(min(p.orphanTimeout, 2*p.stall)), now
	return true
}

// lastWord is what such a link tells those below when it gives up: what the head has said as it was said, to be whole at the end of a long
// chain too, otherwise how it came to be without a feeder.
func (p *place) lastWord(a abort) abort {
	if !a.over {
		a.cause = p.lost
	}
	return a
}

// giveUp decides what becomes of a link that nobody will feed: true if it finishes for those below, false if it has failed.
func (p *place) giveUp(complete bool) bool {
	if complete {
		p.alone, p.deadline = true, time.Time{}
	}
	return complete
}

// howLong says for people what was waited for in vain.
func (p *place) howLong() string {
	if p.vain >= vainLimit {
		return fmt.Sprintf(", as %d before it", p.vain-1)
	}
	return fmt.Sprintf(" and nobody took over within %v", p.orphanTimeout)
}

// finished reports whether nobody needs this link any more: it was sent home, or it finished for those below on its own.
func (p *place) finished() bool { return p.fed && (p.home || p.alone && p.sinkDone) }
