package chain

import (
	"slices"
	"time"
)

// standing is how a link stands with the head.
type standing struct {
	met     bool      // it was heard of
	lost    time.Time // since when it is out of the chain; zero: it is in it, or done
	done    bool      // it has everything, by either way
	failed  bool      // by itself, and for good
	late    lateness
	serving int       // connections on which it is served: an old one may not have been noticed to be over
	gone    time.Time // since when a late joiner's connection is over
	asked   time.Time // when it last asked to leave the chain
	knocked time.Time // when the head last called it
	dead    bool      // nobody listened there then: it will not call by itself
	seen    time.Time // when it last answered
}

// lateness is how far a late joiner has come.
type lateness uint8

const (
	notLate  lateness = iota
	served            // the head feeds it, or will when the chain has passed
	parted            // its connection broke: it may call again
	finished          // well or not
)

// roster decides who is admitted as a late joiner, who is called, and when a broadcast is over. It knows no clock and no connection.
type roster struct {
	links  []standing
	begun  time.Time
	grace  time.Duration // how long after it was lost a link may take to call
	window time.Duration // for so long a link's wish to leave is remembered
	linger time.Duration // how long after the chain those that are missing are called
	passed time.Time     // when the chain was settled
}

// lose notes that a link is out of the chain.
func (r *roster) lose(i int, now time.Time) {
	if r.links[i].lost.IsZero() {
		r.links[i].lost = now
	}
}

// hear takes an account of a link, and reports whether it says that the link is out of the chain.
func (r *roster) hear(i int, e entry, now time.Time) (out bool) {
	l := &r.links[i]
	switch {
	case e.state < Failed:
		l.met = true
	case e.state == Done:
		l.done = true
	case e.by == itself: // it still is in the chain, for those after it
		l.failed = true
	default:
		r.lose(i, now)
		return true
	}
	return false
}

// admit decides a link's wish to be fed by the head. One that is lost to the chain anyway may come. One that slows the chain down
// may if it is one of few: when many ask, slow is what this cluster is, and nobody is the better for it. The disk of one that asks
// for the first time may just have hiccuped.
func (r *roster) admit(i int, why why, now time.Time) bool {
	l := &r.links[i]
	if l.lost.IsZero() && !l.done && r.passed.IsZero() {
		switch why {
		case whyOrphan:
			return false
		case whySlowDisk, whySlowLink:
			again := !l.asked.IsZero() && now.Sub(l.asked) < r.window
			l.asked = now
			if why == whySlowDisk && !again || !r.few(now) {
				return false
			}
		}
		l.lost = now
	}
	l.late, l.dead = served, false
	l.serving++
	return true
}

// few reports whether those who want to leave are at most a quarter of the chain, and not all of it.
func (r *roster) few(now time.Time) bool {
	living, asking := 0, 0
	for _, l := range r.links {
		if !l.lost.IsZero() || l.late != notLate {
			continue
		}
		living++
		if !l.asked.IsZero() && now.Sub(l.asked) < r.window {
			asking++
		}
	}
	return living > 1 && asking <= max(1, living/4)
}

// serving is how many connections there are to late joiners.
func (r *roster) serving() (n int) {
	for _, l := range r.links {
		n += l.serving
	}
	return n
}

// part notes that a late joiner's connection is over.
func (r *roster) part(i int, now time.Time) {
	l := &r.links[i]
	if l.serving--; l.serving == 0 && l.late == served {
		l.late, l.gone = parted, now
	}
}

// finish notes that a late joiner is settled.
func (r *roster) finish(i int, ok bool) { r.links[i].late, r.links[i].done = finished, ok }

// over reports whether nobody is to be waited for any more; otherwise when to ask again at the latest, if that is known.
func (r *roster) over(now time.Time) (over bool, wake time.Time) {
	if r.passed.IsZero() {
		return false, time.Time{}
	}
	alone := r.alone()
	for _, l := range r.links {
		var until time.Time
		switch {
		case l.late == served:
			return false, time.Time{}
		case l.done || l.failed || l.late == finished:
			continue
		case l.late == parted:
			until = l.gone.Add(2 * r.grace)
		case l.dead && l.met:
		case alone && l.met:
			until = l.lost.Add(isolation * r.grace)
		case !l.lost.IsZero():
			if until = l.lost.Add(r.grace); !l.met { // it may be about to start
				until = r.begun.Add(2 * r.grace)
			}
			if there := l.seen.Add(r.grace); there.After(until) && now.Before(l.lost.Add(isolation*r.grace)) { // it will call
				until = there
			}
		}
		if linger := r.passed.Add(r.linger); linger.After(until) {
			until = linger
		}
		if until.After(now) && until.After(wake) {
			wake = until
		}
	}
	return wake.IsZero(), wake
}

// isolation is how many times longer the head waits when it has lost all links: then it may be the one that is cut off. So long it
// waits at most for one that answers when it is called, and does not call.
const isolation = 6

func (r *roster) alone() bool {
	for _, l := range r.links {
		if l.lost.IsZero() || l.done || l.late == finished {
			return false
		}
	}
	return true
}

// knockEvery is how often the head calls a link that is missing.
const knockEvery = time.Second

// missing lists the links that are due to be called, to find out whether they have come to life: first the one whose call is longest
// ago, for not all may be called at a time.
func (r *roster) missing(now time.Time) (all []int) {
	for i := range r.links {
		l := &r.links[i]
		if l.lost.IsZero() || l.done || l.late == served || l.late == finished || now.Sub(l.knocked) < knockEvery {
			continue
		}
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b int) int { return r.links[a].knocked.Compare(r.links[b].knocked) })
	return all
}

// knock notes that a link is being called.
func (r *roster) knock(i int, now time.Time) { r.links[i].knocked = now }

// found notes what came of that.
func (r *roster) found(f finding, now time.Time) {
	l := &r.links[f.index]
	if l.dead = f.refused; f.there {
		l.seen = now
	}
}
