package chain

import "errors"

// failHead is the head's word to all it feeds that there is no more.
func (r *rehearsal) failHead() {
	last, to := noMore(errors.New("medium error")), r.head.to
	r.head.alive = false
	if to != nobody && r.there(to) {
		r.abort(to, last)
	}
	for i, l := range r.links {
		if l.left && l.from == headIndex && r.there(i) {
			r.abort(i, last)
		}
	}
}

// giveUp ends link i, unless it has everything; with it those after it, but for those whom the head may feed.
func (r *rehearsal) giveUp(i int, a abort) {
	l := r.links[i]
	if l.place.giveUp(l.w.full()) {
		r.say("%d has everything, and stays for those after it", i)
		return
	}
	r.say("%d fails: %s", i, a.cause)
	l.alive = false
	r.passOn(i, a)
}

// passOn ends the feeder of link i with a word to its follower.
func (r *rehearsal) passOn(i int, a abort) {
	to := r.links[i].to
	r.links[i].on, r.links[i].to, r.links[i].fed = false, nobody, true
	if to != nobody && r.there(to) {
		r.abort(to, a)
	}
}

// abort is the word of its feeder to link i that there is no more.
func (r *rehearsal) abort(i int, a abort) {
	l := r.links[i]
	r.drop(i, "gave up: "+a.cause)
	if l.aborted(r.now, a.over, l.w.full()) {
		r.passOn(i, abort{false, l.lost})
		return
	}
	r.giveUp(i, l.lastWord(a))
}

// sendHome ends the feeder of party i well, and all after it.
func (r *rehearsal) sendHome(i int) {
	f := r.forward(i)
	to := f.to
	f.on, f.to = false, nobody
	if i != headIndex {
		r.links[i].fed = true
	}
	if to != nobody && r.there(to) {
		r.goHome(to)
	}
}

func (r *rehearsal) goHome(i int) {
	l := r.links[i]
	l.place.drop(r.now, true, "sent us home")
	l.place.goHome()
	r.sendHome(i)
}
