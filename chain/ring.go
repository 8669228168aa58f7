package chain

import (
	"context"
	"sync"
	"time"

	"github.com/zeebo/blake3"
)

// ring holds the last bytes of the image in memory: the receiver writes into it and verifies, the sink and the follower read from it.
// Each of the three is one goroutine with its own signal; slices handed out stay untouched until their reader has moved on.
type ring struct {
	index *index

	mu      sync.Mutex
	w       window
	slots   [][]byte       // chunk i is in slots[i % len], nil before its first use
	oldest  int64          // chunks before it are forgotten and their memory is spare
	spare   [][]byte       // memory used before costs less than new: the kernel has to clear that, page by page
	corrupt map[int64]int  // how often a chunk arrived corrupt though its sender's copy was right
	failed  map[int64]bool // chunks that arrived corrupt at least once
	spoiled uint32         // the sum of corrupt
	ranged  uint32         // of these came in a range, from the head
	spoiler party          // who sent the latest of these
	suspect bool           // a chunk was rejected and the feeder has not said yet whether its own copy was right
	seam    int64          // what lies before it came by an earlier feed
	epoch   uint64         // of the bytes under way: those of an older epoch are dropped
	first   time.Time      // when the first bytes came
	last    time.Time      // and the latest before the ring was full for the first time: later it sets the pace itself
	came    int64          // how many came between
	choked  bool           // it was full

	room, good, ready chan struct{} // for the receiver, the sink, the follower
	rejected          chan struct{} // a chunk is wanted again

	checking sync.Mutex // before mu
	hasher   *blake3.Hasher
	hashed   int64 // the hasher has had the bytes [verified, hashed)
}

// leastKept are the chunks kept for a next follower at least. It is behind by what was under way through the one that died: the
// buffers of two connections, some MiB each.
const leastKept = 8

func newRing(x *index, bytes int64) *ring {
	known, size := x.end()
	slots := max(3, bytes/x.chunk)
	if size != noEnd {
		slots = min(slots, max(1, int64(known)))
	}
	return &ring{
		index:   x,
		w:       window{size: size, chunk: x.chunk, slots: slots, keep: max(leastKept, slots/4), sinking: true, feeding: true},
		slots:   make([][]byte, slots),
		corrupt: make(map[int64]int),
		failed:  make(map[int64]bool),
		room:    make(chan struct{}, 1), good: make(chan struct{}, 1), ready: make(chan struct{}, 1), rejected: make(chan struct{}, 1),
		hasher: blake3.New(),
	}
}

// grew is called when the index has: its end may have become known.
func (r *ring) grew() {
	_, size := r.index.end()
	defer r.verify() // the last chunk may be whole with it
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.size = size
	signal(r.good)
	signal(r.ready)
}

// slot returns the bytes [from, to) of the image, all in one chunk.
func (r *ring) slot(from, to int64) []byte {
	i := from / r.w.chunk % r.w.slots
	if n := len(r.spare) - 1; r.slots[i] == nil && n >= 0 {
		r.slots[i], r.spare = r.spare[n], r.spare[:n]
	} else if r.slots[i] == nil {
		r.slots[i] = make([]byte, r.w.chunk)
	}
	at := from % r.w.chunk
	return r.slots[i][at : at+to-from : at+to-from]
}

// claim makes the slot of the byte at end free, and the memory of all that is forgotten spare: nobody reads there any more, and a
// receiver of a former epoch has its reservation in memory that left the ring (moveTail, reject).
func (r *ring) claim() {
	r.w.claim()
	for ; r.oldest*r.w.chunk < r.w.base; r.oldest++ {
		if i := r.oldest % r.w.slots; r.slots[i] != nil {
			r.spare, r.slots[i] = append(r.spare, r.slots[i]), nil
		}
	}
}

// renew begins an epoch, for another feeder or after a corrupt chunk, and returns it with the offset to go on from.
func (r *ring) renew() (epoch uint64, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	r.suspect, r.seam = false, r.w.end // another feeder cannot tell
	r.moveTail()
	signal(r.room) // whoever waits with bytes of the old epoch lets go
	return r.epoch, r.w.end
}

// moveTail gives the chunk at the end new memory: the receiver of the former epoch may still read into its reservation.
func (r *ring) moveTail() {
	c := r.w.end / r.w.chunk
	if i := c % r.w.slots; r.w.claimed(c) && r.slots[i] != nil {
		fresh := make([]byte, r.w.chunk)
		copy(fresh, r.slots[i][:r.w.end%r.w.chunk])
		r.slots[i] = fresh
	}
}

// wanted is the epoch, the offset that the next bytes must have, and what to ask the feeder for. A chunk that its hop has spoiled
// twice is not asked for over that hop again: the feeder is to begin after it, and the gap comes from the head.
func (r *ring) wanted() (epoch uint64, offset, ask int64, why reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	offset, ask = r.w.end, r.w.end
	if chunk := r.w.end / r.w.chunk; r.w.end == r.w.verified && r.failed[chunk] {
		if why = wantCorrupt; r.corrupt[chunk] >= hopTries {
			ask, why = min((chunk+1)*r.w.chunk, r.index.limit()), wantResume
		}
	}
	return r.epoch, offset, ask, why
}

// reserve waits for n bytes of room at the end. It returns nil when epoch is over or ctx done.
func (r *ring) reserve(ctx context.Context, epoch uint64, n int) []byte {
	for {
		r.mu.Lock()
		switch {
		case r.epoch != epoch:
			r.mu.Unlock()
			signal(r.room) // the receiver of the next epoch may have lost this signal to us
			return nil
		case r.w.room():
			r.claim()
			p := r.slot(r.w.end, r.w.end+int64(n))
			r.mu.Unlock()
			return p
		}
		r.choked = true
		r.mu.Unlock()
		select {
		case <-r.room:
		case <-ctx.Done():
			return nil
		}
	}
}

// commit adds the n bytes that were read into the last reservation, unless its epoch is over. The follower may have them at once;
// then they are hashed, by the receiver itself, while they are in its cache.
func (r *ring) commit(epoch uint64, n int) {
	if r.add(epoch, n) {
		r.verify()
	}
}

func (r *ring) add(epoch uint64, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		return false
	}
	r.w.grow(int64(n))
	if !r.choked {
		r.last, r.came = time.Now(), r.came+int64(n)
		if r.first.IsZero() {
			r.first = r.last
		}
	}
	signal(r.ready)
	return true
}
