package chain

import (
	"fmt"
	"strings"
	"time"
)

// rehearsal plays a broadcast with the pure cores alone. What a party does is theirs to say; what lies between them is made here, in
// steps of 100 ms: a hop carries a chunk of 10 bytes in a step, a disk takes at once what it is given, a dead machine refuses, a frozen
// one is silent. It stands in for sockets and goroutines, so it proves the decisions and not the code that carries them out.
type rehearsal struct {
	now   time.Time
	size  int64
	slots int64
	head  *rehearsedHead
	links []*rehearsedLink
	said  []string
}

// feeding is the forward half of a party.
type feeding struct {
	line  succession
	table *table
	to    int       // follower; nobody
	rests time.Time // until then; zero: it does not
	on    bool
}

type rehearsedHead struct {
	feeding
	alive  bool
	round  uint64
	roster roster
	heard  uint64
	late   []bool // it feeds these outside of the chain
	opened bool   // for them
}

type rehearsedLink struct {
	place
	feeding
	w       window
	had     int64 // bytes, when its feed began
	alive   bool
	frozen  time.Time
	disk    int64 // bytes that it takes in a step
	unheard bool  // its last call to the head was
}

const (
	rehearsedStep  = 100 * time.Millisecond
	rehearsedStall = 2 * time.Second
	rehearsedChunk = 10
)

func rehearsalMachine() func([]string) string {
	var r *rehearsal
	return func(words []string) string {
		if words[0] == "chain" { // chain LINKS SIZE RING, the ring in chunks
			r = &rehearsal{now: beginning, size: number(words, 2), slots: number(words, 3), links: make([]*rehearsedLink, number(words, 1))}
			for i := range r.links {
				r.start(i)
			}
			return fmt.Sprintf("%d links wait", len(r.links))
		}
		r.said = nil
		r.command(words)
		if len(r.said) == 0 {
			return "nothing new"
		}
		return strings.Join(r.said, "\n-> ")
	}
}

// command does what a transcript says. "head" or the number of a link comes first, but for "until".
func (r *rehearsal) command(words []string) {
	if words[0] == "until" { // until MS
		for end := after(words, 1); r.now.Before(end); {
			r.now = r.now.Add(rehearsedStep)
			r.step()
		}
		return
	}
	if words[0] == "head" {
		switch words[1] {
		case "starts":
			r.startHead()
		case "dies":
			r.head.alive = false
		case "fails": // it cannot read its image
			r.failHead()
		}
		return
	}
	i := int(number(words, 0))
	l := r.links[i]
	switch words[1] {
	case "starts":
		r.start(i)
	case "dies":
		l.alive = false
	case "freezes":
		l.frozen = r.now
	case "thaws":
		l.frozen = time.Time{}
	case "disk": // LINK disk BYTES, that it takes in a step
		l.disk = number(words, 2)
	case "disconnected": // the connection to its feeder breaks
		r.drop(i, "connection closed")
	case "spoiled": // the way to it spoils what it carries
		if from := l.from; l.hopeless(r.now, "chunks arrived corrupt 8 times") {
			r.part(i, from)
		}
	case "aside": // its feeder puts it aside
		from := l.from
		r.drop(i, "its link is slow")
		l.skipped(r.now, fmt.Sprintf("skipped by %s: its link is slow", partyName(from)))
		r.part(i, nobody)
		r.end(from, i, ending{kind: endLost, cause: "its link is slow"})
	default:
		panic(words[1])
	}
}

func (r *rehearsal) say(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf("%d: ", r.now.Sub(beginning).Milliseconds())+fmt.Sprintf(format, args...))
}

func (r *rehearsal) start(i int) {
	r.links[i] = &rehearsedLink{
		place: place{stall: rehearsedStall, orphanTimeout: 30 * time.Second, from: nobody, patience: patience{limit: 2 * time.Second}},
		w:     window{size: r.size, chunk: rehearsedChunk, slots: r.slots, keep: max(1, r.slots/4), sinking: true, feeding: true},
		alive: true, disk: 1 << 20, feeding: feeding{to: nobody}}
}

func (r *rehearsal) startHead() {
	n, round := len(r.links), uint64(1)
	if r.head != nil {
		round += r.head.round
	}
	r.head = &rehearsedHead{round: round, feeding: feeding{line: newSuccession(headIndex, n), table: newTable(n), to: nobody, on: true}, alive: true,
		roster: roster{links: make([]standing, n), begun: r.now, grace: rehearsedStall * 3 / 4, window: 2 * rehearsedStall}, late: make([]bool, n)}
}

// plan is what party i tells of its round.
func (r *rehearsal) plan(i int) plan {
	if i == headIndex {
		return plan{round: r.head.round, head: "head:1", links: make([]Link, len(r.links))}
	}
	return *r.links[i].plan.Load()
}

// there reports whether party i can be heard; nobody can be.
func (r *rehearsal) there(i int) bool {
	if i == headIndex {
		return r.head.alive
	}
	return r.links[i].alive && r.links[i].frozen.IsZero()
}

func (r *rehearsal) dead(i int) bool {
	return i == headIndex && !r.head.alive || i >= 0 && !r.links[i].alive
}

// silent reports whether nothing was heard of party i for the stall timeout.
func (r *rehearsal) silent(i int) bool {
	return i >= 0 && !r.links[i].frozen.IsZero() && r.now.Sub(r.links[i].frozen) >= rehearsedStall
}

func (r *rehearsal) forward(i int) *feeding {
	if i == headIndex {
		return &r.head.feeding
	}
	return &r.links[i].feeding
}

// parties are those that act, the head first.
func (r *rehearsal) parties() (all []int) {
	for i := headIndex; i < len(r.links); i++ {
		if r.there(i) {
			all = append(all, i)
		}
	}
	return all
}

func partyName(i int) string {
	if i == headIndex {
		return "head"
	}
	return fmt.Sprint(i)
}

// summary says what the head reports.
func (h *rehearsedHead) summary() string {
	states := make([]string, 0, len(h.roster.links))
	for i, l := range h.roster.links {
		switch {
		case l.done && h.late[i]:
			states = append(states, "late")
		case l.done:
			states = append(states, "OK")
		default:
			states = append(states, "KO")
		}
	}
	return strings.Join(states, " ")
}
