package chain

import "time"

// call is when a link may call the head next, and why.
type call struct {
	why     why
	at      time.Time
	waiting bool // for an answer
}

func (c *call) due(now time.Time) bool { return !c.waiting && !now.Before(c.at) }

// look is asked several times a second whether the link should call the head, and why: because nobody feeds it, or because others wait
// for its sink. Of that it is told whether it alone keeps the ring full, and whether it is all that is left to do.
func (p *place) look(now time.Time, bySink, onlySink bool) (why why, call bool) {
	if p.plan.Load() == nil || p.home || p.alone {
		return 0, false
	}
	if p.from == nobody {
		return p.call.why, p.call.due(now)
	}
	switch impatient := p.patience.tick(now, bySink); {
	case p.left || p.sinkDone || !p.call.due(now):
		return 0, false
	case impatient:
		return whySlowDisk, true
	}
	return whyWriting, p.onlyWrites(now, onlySink)
}

// writingGrace is how long those who are done wait for a sink.
const writingGrace = 500 * time.Millisecond

// onlyWrites reports whether everything came and went on a while ago, and nothing but the sink is not done.
func (p *place) onlyWrites(now time.Time, onlySink bool) bool {
	if !onlySink {
		p.idle = time.Time{}
		return false
	}
	if p.idle.IsZero() {
		p.idle = now
	}
	return now.Sub(p.idle) >= writingGrace
}

// mayCall reports whether the head can be called now, and notes that it is.
func (p *place) mayCall() bool {
	if p.call.waiting || p.plan.Load().head == "" {
		return false
	}
	p.call.waiting = true
	return true
}

// called is told that the head takes the link for lost. It reports whether to call at once: who feeds it in the chain is lost, too, or
// was cut off when it said so.
func (p *place) called(now time.Time) bool {
	if p.from == nobody {
		p.call.at = now // soon enough
		return false
	}
	return !p.left && p.sinkErr == nil
}

// answered notes that a call is over. It reports whether the link leaves its chain for the head, which is willing to feed it; otherwise
// the chain may take it over, or another call go through.
func (p *place) answered(now time.Time, why why, willing bool) bool {
	p.call.waiting, p.call.at = false, now.Add(p.stall/2)
	if !willing || p.home || p.alone {
		return false
	}
	p.late = p.late || why != whyWriting
	return true
}
