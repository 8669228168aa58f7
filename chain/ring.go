package chain

import (
	"context"
	"sync"
)

// ring holds the last bytes of the image in memory: the receiver writes into it, the verifier, the sink and the follower read from it.
// Each of the four is one goroutine with its own signal; slices handed out stay untouched until their reader has moved on.
type ring struct {
	manifest *Manifest

	mu      sync.Mutex
	w       window
	slots   [][]byte       // chunk i is in slots[i % len], allocated at its first use
	failed  map[int64]bool // chunks that arrived corrupt at least once
	corrupt map[int64]int  // how often, when the feeder's own copy was right
	spoiled uint32         // the sum of corrupt
	suspect bool           // a chunk was rejected and the feeder has not said yet whether its own copy was right
	epoch   uint64         // of the bytes under way: those of an older epoch are dropped

	room, fresh, good, ready chan struct{} // for the receiver, the verifier, the sink, the follower
}

func newRing(m *Manifest, bytes int64) *ring {
	chunk := int64(m.ChunkSize)
	slots := max(3, bytes/chunk)
	slots = min(slots, max(1, int64(len(m.Chunks))))
	return &ring{
		manifest: m,
		w:        window{size: m.Size, chunk: chunk, slots: slots, sinking: true, feeding: true},
		slots:    make([][]byte, slots),
		failed:   make(map[int64]bool),
		corrupt:  make(map[int64]int),
		room:     make(chan struct{}, 1), fresh: make(chan struct{}, 1), good: make(chan struct{}, 1), ready: make(chan struct{}, 1),
	}
}

// slot returns the bytes [from, to) of the image, all in one chunk.
func (r *ring) slot(from, to int64) []byte {
	i := from / r.w.chunk % r.w.slots
	if r.slots[i] == nil {
		r.slots[i] = make([]byte, r.w.chunk)
	}
	at := from % r.w.chunk
	return r.slots[i][at : at+to-from : at+to-from]
}

// renew begins an epoch, for another feeder or after a corrupt chunk, and returns it with the offset to go on from.
func (r *ring) renew() (epoch uint64, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	r.suspect = false // another feeder cannot tell
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

// wanted is the epoch and the offset that the next bytes must have.
func (r *ring) wanted() (epoch uint64, offset int64, why reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.end == r.w.verified && r.failed[r.w.end/r.w.chunk] {
		why = wantCorrupt
	}
	return r.epoch, r.w.end, why
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
			r.w.claim()
			p := r.slot(r.w.end, r.w.end+int64(n))
			r.mu.Unlock()
			return p
		}
		r.mu.Unlock()
		select {
		case <-r.room:
		case <-ctx.Done():
			return nil
		}
	}
}

// commit adds the n bytes that were read into the last reservation, unless its epoch is over.
func (r *ring) commit(epoch uint64, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		return
	}
	r.w.grow(int64(n))
	signal(r.ready)
	signal(r.fresh)
}
