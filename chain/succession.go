package chain

// succession is whom a feeder has lost. With the table, which knows whom others have lost, it decides whom the feeder turns to.
type succession struct {
	self   int    // index of the feeder, or headIndex
	gone   []bool // links lost to this feeder
	broken []int  // how often a connection to each broke
}

func newSuccession(self, links int) succession {
	return succession{self, make([]bool, links), make([]int, links)}
}

// next is whom a feeder feeds: the first link after i that nobody has lost. One that another feeder lost has left the chain: if it
// lives, it calls the head. One that failed by itself passes on what it gets. Those that are done wait to be sent home.
func (s *succession) next(t *table, i int) (int, bool) {
	for i++; i < len(s.gone); i++ {
		if e := t.get(i); !s.gone[i] && (e.state != Failed || e.by == itself) {
			return i, true
		}
	}
	return 0, false
}

// bury notes that link i is out of the chain; own: it failed, and told it itself.
func (s *succession) bury(t *table, i int, cause string, own bool) {
	s.gone[i] = true
	by := partyOf(s.self)
	if own {
		by = itself
	}
	t.tell(i, entry{state: Failed, by: by, cause: cause})
}

// reconnects is how often a feeder calls a link again whose connection broke without the link being silent or refusing.
const reconnects = 2

// step is what a feeder does when it no longer feeds a link.
type step int

const (
	turns  step = iota // to the link that is next now, which may be the same
	rests              // while another feeder has the link, then turns
	buries             // the link, then turns
	stops
)

// after decides what follows the end of a feed of link i.
func (s *succession) after(i int, end endKind) step {
	switch end {
	case endBroken:
		if s.broken[i]++; s.broken[i] <= reconnects {
			return turns
		}
	case endTaken:
		if s.self != headIndex { // a head that was started later has the whole chain
			return rests
		}
		return stops
	case endDone:
		return stops
	}
	return buries
}
