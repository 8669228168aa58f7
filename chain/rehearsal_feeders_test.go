package chain

import "time"

// feed is what the feeder of party i does in a step.
func (r *rehearsal) feed(i int) {
	f := r.forward(i)
	if !f.on {
		return
	}
	if f.to != nobody {
		switch t := r.links[f.to]; {
		case !t.alive:
			r.end(i, f.to, ending{kind: endBroken, cause: "connection closed"})
		case r.silent(f.to):
			r.end(i, f.to, ending{kind: endLost, cause: "silent for 2s"})
		case r.there(f.to) && t.from != i:
			r.end(i, f.to, ending{kind: endBroken, cause: "connection closed"})
		}
	}
	for f.on && f.to == nobody && !r.now.Before(f.rests) {
		f.rests = time.Time{}
		r.hunt(i)
	}
}

// end is the end of a feed of link j by party i.
func (r *rehearsal) end(i, j int, e ending) {
	f := r.forward(i)
	f.to = nobody
	switch f.line.after(j, e.kind) {
	case rests:
		f.rests = r.now.Add(rehearsedStall / 2)
		r.say("%s rests, another feeds %d", partyName(i), j)
	case buries:
		f.line.bury(f.table, j, e.cause, e.own)
		r.say("%s loses %d: %s", partyName(i), j, e.cause)
	case stops:
		r.stop(i)
	}
}

func (r *rehearsal) stop(i int) {
	r.forward(i).on = false
	if i != headIndex {
		r.links[i].fed, r.links[i].w.feeding = true, false
	}
}

// hunt calls the next link, and more of them when that one's machine does not answer at all.
func (r *rehearsal) hunt(i int) {
	f := r.forward(i)
	next, ok := f.line.next(f.table, i)
	if !ok {
		r.stop(i)
		return
	}
	var called []int
	got := make(map[int]answer)
	for ; ok && len(called) < huntWidth; next, ok = f.line.next(f.table, next) {
		called = append(called, next)
		switch {
		case r.there(next):
			got[next] = answer{index: next, reached: &reached{index: next}}
		case r.dead(next):
			got[next] = answer{index: next, cause: "connect: connection refused"}
		default:
			got[next] = answer{index: next, cause: "no answer in time"}
		}
		if r.there(called[0]) || r.dead(called[0]) {
			break
		}
	}
	found, lost, _ := nearest(called, got)
	for _, m := range lost {
		f.line.bury(f.table, m.index, m.cause, false)
		r.say("%s loses %d: %s", partyName(i), m.index, m.cause)
	}
	if found != nil {
		r.offer(i, found.index)
	}
}

// offer is party i telling link j its plan.
func (r *rehearsal) offer(i, j int) {
	p := r.plan(i)
	p.feeder, p.index, p.late = i, j, false
	l := r.links[j]
	what, no := l.offered(p)
	if what == refuses {
		r.say("%s calls %d, which refuses: %s", partyName(i), j, no.cause)
		e := ending{kind: endLost, cause: no.cause, own: no.how == failed}
		if no.how == fedByAnother {
			e = ending{kind: endTaken}
		}
		r.end(i, j, e)
		return
	}
	if old := l.from; old != nobody && old != i && r.there(old) && r.forward(old).to == j {
		r.end(old, j, ending{kind: endTaken})
	}
	if what == enters {
		r.enter(j, p, false)
	}
	l.place.adopt(r.now, i)
	r.forward(i).to = j
	start := l.w.end
	if i != headIndex {
		start = r.links[i].w.serve(l.w.end)
	}
	r.say("%s feeds %d from %d", partyName(i), j, start)
	if start > l.w.end {
		r.say("%d gets %d to %d from the head", j, l.w.end, start)
		l.w.grow(start - l.w.end)
	}
	l.had = l.w.end
}

// enter begins a round for link i, with all that it has.
func (r *rehearsal) enter(i int, p plan, outside bool) {
	l := r.links[i]
	l.place.plan.Store(&p)
	l.place.begin(r.now, outside)
	l.feeding = feeding{line: newSuccession(i, len(r.links)), table: newTable(len(r.links)), to: nobody, on: !outside}
	if l.w.feeding = !outside; l.sinkDone {
		l.table.tell(i, entry{state: Done, received: r.size, written: r.size})
	}
}

// account is the head's look at all.
func (r *rehearsal) account() {
	h := r.head
	news, version := h.table.since(h.heard)
	h.heard = version
	for _, n := range news {
		known := !h.roster.links[n.index].lost.IsZero()
		if h.roster.hear(n.index, n.entry, r.now) && !known && n.entry.by.index() != headIndex {
			r.say("head hears that %s lost %d", partyName(n.entry.by.index()), n.index)
		}
	}
	for i, l := range r.links {
		switch {
		case h.roster.links[i].late != served:
		case l.from != headIndex || r.dead(i) || r.silent(i):
			h.roster.part(i, r.now)
			r.say("head feeds %d no more", i)
		case l.sinkDone && r.there(i):
			h.roster.finish(i, true)
			r.goHome(i)
		}
	}
	for _, i := range h.roster.missing(r.now) {
		h.roster.knock(i, r.now)
		h.roster.found(finding{i, r.there(i), r.dead(i)}, r.now)
		if r.there(i) {
			r.knock(i)
		}
	}
	if h.to != nobody && r.links[h.to].w.end == r.size {
		h.opened = true
	}
	if h.on && h.table.settled(0) {
		r.sendHome(headIndex)
	}
	if !h.on && h.roster.passed.IsZero() {
		h.roster.passed, h.opened = r.now, true
		r.say("the chain is settled")
	}
	if over, _ := h.roster.over(r.now); over {
		h.alive = false
		r.say("over: %s", h.summary())
	}
}

// knock is the head's call to a link that is missing.
func (r *rehearsal) knock(i int) {
	l := r.links[i]
	p := r.plan(headIndex)
	p.feeder, p.index, p.late = headIndex, i, true
	switch what, _ := l.offered(p); what {
	case calls:
		r.say("head calls %d", i)
		if l.called(r.now) && l.mayCall() {
			r.join(i, whySkipped)
		}
	case staysOut:
		r.say("head calls %d, which stays outside", i)
		r.enter(i, p, true)
	}
}
