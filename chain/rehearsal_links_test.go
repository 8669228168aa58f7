package chain

import "fmt"

// step is a tenth of a second: bytes move, accounts travel, and whoever has something to decide does.
func (r *rehearsal) step() {
	for i := len(r.links) - 1; i >= 0; i-- { // from the end, so that bytes need a step for each hop
		r.carry(i)
	}
	for i := len(r.links) - 1; i >= 0; i-- {
		r.report(i)
	}
	for i := range r.links {
		if r.there(i) {
			r.hear(i)
		}
	}
	for _, i := range r.parties() {
		if r.there(i) { // others may have ended it meanwhile
			r.feed(i)
		}
	}
	for i := range r.links {
		if r.there(i) {
			r.look(i)
		}
	}
	if r.head != nil && r.head.alive {
		r.account()
	}
}

// carry brings a chunk to link i, and what is verified to its disk.
func (r *rehearsal) carry(i int) {
	l := r.links[i]
	if !r.there(i) || l.table == nil {
		return
	}
	if r.fedBy(i) && (l.from != headIndex || !l.left || r.head.opened) {
		until := r.size
		if l.from != headIndex {
			until = r.links[l.from].w.end
		}
		for n := 0; n < rehearsedChunk && l.w.end < until && l.w.room(); n++ {
			l.w.grow(1)
		}
		if l.w.verified = l.w.end; l.w.end < r.size {
			l.w.verified -= l.w.end % rehearsedChunk
		}
		if l.from != headIndex {
			r.links[l.from].w.cursor = l.w.end
		}
	}
	l.w.sunk += min(l.disk, l.w.verified-l.w.sunk)
	if l.w.sunk == r.size && !l.sinkDone {
		l.sinkDone = true
		l.table.tell(i, entry{state: Done, received: r.size, written: r.size})
		r.say("%d is done", i)
	}
}

// fedBy reports whether link i and its feeder both are at their connection.
func (r *rehearsal) fedBy(i int) bool {
	l := r.links[i]
	switch {
	case l.from == nobody || !r.there(l.from):
		return false
	case l.from == headIndex && l.plan.Load().round != r.head.round:
		return false
	case l.from == headIndex && l.left:
		return r.head.roster.links[i].late == served
	}
	return r.forward(l.from).to == i
}

// report carries what link i knows of itself and of those after it to its feeder.
func (r *rehearsal) report(i int) {
	l := r.links[i]
	if !r.there(i) || l.table == nil || !r.fedBy(i) || l.left {
		return
	}
	l.table.tell(i, entry{state: Receiving, received: l.w.end, written: l.w.sunk})
	news, _ := l.table.since(0)
	for _, n := range news {
		if n.index > l.from {
			r.forward(l.from).table.tell(n.index, n.entry)
		}
	}
}

// hear notices that the feed of link i is over.
func (r *rehearsal) hear(i int) {
	l := r.links[i]
	switch {
	case l.from == nobody || r.fedBy(i):
	case r.dead(l.from) || r.there(l.from):
		r.drop(i, "connection closed")
	case r.silent(l.from):
		r.drop(i, "silent for 2s")
	}
}

func (r *rehearsal) drop(i int, why string) {
	l := r.links[i]
	from := l.from
	l.place.drop(r.now, l.w.end > l.had, fmt.Sprintf("predecessor %s died (%s)", partyName(from), why))
	r.say("%d waits: %s", i, l.lost)
}

// part tells the former feeder of link i that it is out of the chain; it feeds nobody any more.
func (r *rehearsal) part(i, from int) {
	l := r.links[i]
	l.on, l.to, l.fed, l.w.feeding = false, nobody, true, false
	if from != nobody && r.there(from) && r.forward(from).to == i {
		r.end(from, i, ending{kind: endLost, cause: l.lost})
	}
}

// look lets link i look at itself.
func (r *rehearsal) look(i int) {
	l := r.links[i]
	if l.alone && !l.left && l.on && (l.table.settled(i+1) || !l.rests.IsZero()) {
		r.sendHome(i)
	}
	if !l.deadline.IsZero() && !r.now.Before(l.deadline) {
		if r.giveUp(i, abort{false, l.lost + l.howLong()}); !l.alive {
			return
		}
	}
	if l.finished() {
		l.alive = false
		r.say("%d ends", i)
		return
	}
	_, bySink := l.w.blocked()
	if why, call := l.place.look(r.now, bySink, l.w.onlySink()); call && l.mayCall() {
		r.join(i, why)
	}
}

// join is a call of link i to the head.
func (r *rehearsal) join(i int, why why) {
	l, h := r.links[i], r.head
	cause, from := l.lost, l.from
	if from != nobody {
		cause = whyWord(why)
	}
	willing := h.alive && h.roster.admit(i, why, r.now)
	comes := l.answered(r.now, why, willing)
	switch {
	case !h.alive:
		if !l.unheard { // once, not each second
			r.say("%d calls the head: no answer", i)
		}
	case !comes:
		r.say("%d calls the head, %s: it stays", i, whyWord(why))
	default:
		r.say("%d calls the head, %s: it feeds %d from %d", i, whyWord(why), i, l.w.end)
		h.late[i] = h.late[i] || why != whyWriting
		l.place.leave(cause)
		r.part(i, from)
		l.place.adopt(r.now, headIndex)
		l.had = l.w.end
	}
	l.unheard = !h.alive
}

func whyWord(w why) string {
	for word, other := range reasons {
		if other == w {
			return word
		}
	}
	return "?"
}
