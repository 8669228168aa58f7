package chain

import "time"

// patience measures how long a link's own sink has held up the chain, and says when that is enough. Time in which it did not counts
// against it by a quarter, so a sink that is a little too slow all the time is found as well as one that hangs.
type patience struct {
	limit time.Duration // negative: endless
	score time.Duration
	last  time.Time
}

// patienceStep is the most that one tick counts: nobody knows what a process that was stopped would have seen meanwhile.
const patienceStep = 500 * time.Millisecond

// tick tells what was seen at now, and reports whether the link should ask to leave the chain.
func (p *patience) tick(now time.Time, blocked bool) bool {
	passed := min(now.Sub(p.last), patienceStep)
	if p.last.IsZero() {
		passed = 0
	}
	p.last = now
	if blocked {
		p.score += passed
	} else {
		p.score = max(0, p.score-passed/4)
	}
	return p.limit >= 0 && p.score >= p.limit
}

// Bounds of what is taken for a slow hop.
const (
	hopWindow  = 150 * time.Millisecond // it must be slow in two of these, one after the other,
	hopFactor  = 3                      // so many times slower than what comes in, and than the way to the next link,
	hopBacklog = 1 << 20                // with so many bytes waiting for it,
	hopLeft    = 3 * time.Second        // and so long a wait at its speed ahead
	hopPause   = 2 * time.Second        // after a look that found nothing, doubled each time
)

// misjudged reports whether a follower that took the place of one put aside is hardly faster than that one was: some networks let
// the first bytes through faster than the rest, and a look at them is deceived.
func misjudged(before, after float64) bool { return after < 2*before }

// hop watches one connection to a follower, and says when it is so slow that the way to the next link is worth a look.
type hop struct {
	began    time.Time     // of the window
	sent     int64         // at its begin
	writing  time.Duration // so far, then
	earlier  int64         // bytes that left in the window before
	took     time.Duration // which was so long
	fastest  float64       // bytes per second that this hop once had in a window: a later fall shows against it
	slow     bool          // the window before was slow
	notAgain time.Time
	pauses   int
}

// sample is what a feeder sees at a time.
type sample struct {
	now     time.Time
	sent    int64         // bytes of the image that left on this hop, or the offset reached
	backlog int64         // bytes that could be sent now
	left    int64         // bytes to the image's end
	inflow  float64       // bytes per second at which the feeder itself got the image; 0: it has all of it, and no rate to compare with
	writing time.Duration // that the hop has kept the feeder waiting in writes, so far: a slow source, or a limit, does not
	excused bool          // the follower itself has no room, or nothing flows yet
}

// look reports whether the hop is suspicious, and its rate. The head has nothing to compare its first hop with, so it looks once in any case.
func (h *hop) look(s sample) (rate float64, suspicious bool) {
	if s.excused || s.backlog < hopBacklog || s.sent < h.sent || h.began.IsZero() {
		h.began, h.sent, h.writing, h.slow = s.now, s.sent, s.writing, false
		return 0, false
	}
	passed := s.now.Sub(h.began)
	if passed < hopWindow {
		return 0, false
	}
	n := s.sent - h.sent
	rate = float64(n) / passed.Seconds()
	both := float64(h.earlier+n) / (h.took + passed).Seconds() // a queue takes bytes in bursts: one window alone may have seen none
	waited := s.writing-h.writing > passed/2
	h.began, h.sent, h.writing, h.earlier, h.took = s.now, s.sent, s.writing, n, passed
	before := h.slow
	unknown := s.inflow == 0 && h.pauses == 0
	h.slow = waited && (unknown || rate*hopFactor < max(s.inflow, h.fastest)) && float64(s.left) > rate*hopLeft.Seconds()
	if before && h.slow {
		return both, !s.now.Before(h.notAgain)
	}
	if !h.slow {
		h.fastest = max(h.fastest, rate)
	}
	return rate, false
}

// found takes the result of a look at the way to the next link, in bytes per second: true when the hop is the slow one. If it is
// not, nobody looks again for a while.
func (h *hop) found(now time.Time, rate, other float64) bool {
	if other >= rate*hopFactor {
		return true
	}
	h.notAgain = now.Add(hopPause << h.pauses)
	h.pauses = min(h.pauses+1, 4)
	return false
}
