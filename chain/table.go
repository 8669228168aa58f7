package chain

import "sync"

// State is how far a link has come. The order matters: a later state wins over an earlier one, whoever reports it.
type State uint8

// The states of a link.
const (
	Waiting   State = 0 // nothing is known yet
	Receiving State = 1
	Failed    State = 2
	Done      State = 3 // its sink holds every byte and accepted the end
)

func (s State) String() string { return [...]string{"waiting", "receiving", "failed", "done"}[s] }

// party is who speaks: a link of itself, the head, or another link.
type party uint32

const itself party = 0

// partyOf is that of index i, which may be headIndex.
func partyOf(i int) party { return party(i + 2) }

// index is the inverse of partyOf; itself has none.
func (p party) index() int { return int(p) - 2 }

// entry is what is known of a link.
type entry struct {
	state    State
	by       party // who gave it up, when it failed; before, and when it is done, who sent the latest of its corrupt chunks
	received int64
	written  int64
	corrupt  uint32
	cause    string
}

// merge joins two accounts of one link. It is commutative but for causes (the first account of a failure stays), idempotent,
// and never goes back, so reports may come twice, late and by two ways.
func merge(known, told entry) entry {
	switch {
	case told.state > known.state:
		told.received, told.written = max(known.received, told.received), max(known.written, told.written)
		told.corrupt = max(known.corrupt, told.corrupt)
		return told
	case told.state == known.state:
		if told.corrupt > known.corrupt && told.state != Failed {
			known.by = told.by
		}
		known.received, known.written = max(known.received, told.received), max(known.written, told.written)
		known.corrupt = max(known.corrupt, told.corrupt)
	}
	return known
}

// table is one party's knowledge of every link, with a version per entry so that only news travels.
type table struct {
	mu       sync.Mutex
	entries  []entry
	versions []uint64
	version  uint64
	news     chan struct{} // one waiter
}

func newTable(links int) *table {
	return &table{entries: make([]entry, links), versions: make([]uint64, links), news: make(chan struct{}, 1)}
}

// tell merges an account of link i.
func (t *table) tell(i int, e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i < 0 || i >= len(t.entries) {
		return
	}
	if merged := merge(t.entries[i], e); merged != t.entries[i] {
		urgent := merged.state != t.entries[i].state
		t.version++
		t.entries[i], t.versions[i] = merged, t.version
		if urgent {
			signal(t.news) // positions alone wait for the next heartbeat
		}
	}
}

func (t *table) get(i int) entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[i]
}

// since returns the entries that changed after version v, and the version they bring a reader to.
func (t *table) since(v uint64) ([]numbered, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []numbered
	for i, e := range t.entries {
		if t.versions[i] > v {
			all = append(all, numbered{i, e})
		}
	}
	return all, t.version
}

// settled reports whether every link from index from on is done or failed.
func (t *table) settled(from int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries[from:] {
		if e.state < Failed {
			return false
		}
	}
	return true
}

// takesOver decides between a living feed and a new one. A feeder skips a link only when it took it for dead, so nobody feeds those
// between: the one nearer to the head is right. The same feeder again means that its old connection broke on its side first.
func takesOver(current, candidate int) bool { return candidate <= current }

// signal wakes the one waiter of c, or leaves a note for it.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
