package chain

import (
	"context"

	"lukechampine.com/blake3"
)

// verify checks chunks as they fill up, until the last. One that does not match is forgotten, and again is signalled: it is wanted again.
func (r *ring) verify(ctx context.Context, again chan struct{}) {
	for {
		p, chunk, done := r.unverified()
		switch {
		case done:
			return
		case p == nil:
			select {
			case <-r.fresh:
			case <-ctx.Done():
				return
			}
		case r.right(chunk, p):
			r.mu.Lock()
			r.w.verified += int64(len(p))
			r.mu.Unlock()
			signal(r.good)
			signal(r.ready)
			signal(r.room)
		default:
			r.reject(chunk)
			signal(again)
		}
	}
}

func (r *ring) right(chunk int64, p []byte) bool {
	want, known := r.index.digest(chunk)
	return known && blake3.Sum256(p) == want
}

// chunkLen is the length of chunk c. While the image's end is not known a chunk may turn out to be shorter.
func (w *window) chunkLen(c int64) int64 { return min(w.chunk, w.size-c*w.chunk) }

// unverified returns the next chunk to verify when all of it is here.
func (r *ring) unverified() (p []byte, chunk int64, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.full() {
		return nil, 0, true
	}
	chunk = r.w.verified / r.w.chunk
	to := r.w.verified + r.w.chunkLen(chunk)
	if r.w.end < to {
		return nil, chunk, false
	}
	return r.slot(r.w.verified, to), chunk, false
}

// reject forgets a corrupt chunk and what came after it. The follower may be sending it at this moment, so new bytes get new memory.
func (r *ring) reject(chunk int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := chunk; c*r.w.chunk <= r.w.end && r.w.claimed(c); c++ {
		r.slots[c%r.w.slots] = nil
	}
	r.w.rewind()
	r.epoch++
	r.failed[chunk], r.suspect = true, true
	signal(r.room)
}

// blame counts the chunk at offset, if it was rejected, against the way it came, unless the feeder says that it had it corrupt
// itself. It returns how often it was spoiled, and how many such cases there were.
func (r *ring) blame(epoch uint64, offset int64, inherited bool) (chunk int64, times, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	chunk = offset / r.w.chunk
	if r.epoch != epoch {
		return chunk, 0, 0 // a chunk before it was rejected in the meantime
	}
	if r.suspect && !inherited {
		r.corrupt[chunk]++
		r.spoiled++
	}
	r.suspect = false
	return chunk, r.corrupt[chunk], int(r.spoiled)
}

// unsunk returns verified bytes for the sink, nil when there are none yet; done when it has had all or takes no more.
func (r *ring) unsunk() (p []byte, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.w.sinking || r.w.sunk == r.w.size {
		return nil, true
	}
	if n := r.w.span(r.w.sunk, r.w.verified, maxWrite); n > 0 {
		return r.slot(r.w.sunk, r.w.sunk+n), false
	}
	return nil, false
}

func (r *ring) sank(n int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.sunk += int64(n)
	signal(r.room)
	return r.w.sunk
}

// dropSink lets the ring go on without the sink. A write that hangs still reads the chunk it was given: others get a copy of it.
func (r *ring) dropSink() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.w.sunk / r.w.chunk % r.w.slots; r.w.sinking && r.slots[i] != nil && r.w.sunk < r.w.verified {
		r.slots[i] = append([]byte(nil), r.slots[i]...)
	}
	r.w.sinking = false
	signal(r.room)
}

// position is what the link reports of itself.
func (r *ring) position() entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return entry{received: r.w.end, written: r.w.sunk, corrupt: r.spoiled}
}

// complete reports whether the whole image is here and right.
func (r *ring) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.full()
}

// The ring is the source of the link's feeder.

func (r *ring) wake() <-chan struct{} { return r.ready }

func (r *ring) serve(want int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	signal(r.room)
	return r.w.serve(want)
}

func (r *ring) peek() (int64, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.w.span(r.w.cursor, r.w.end, maxFrame)
	if n == 0 {
		return r.w.cursor, nil, nil
	}
	return r.w.cursor, r.slot(r.w.cursor, r.w.cursor+n), nil
}

func (r *ring) sent(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.cursor += int64(n)
	signal(r.room)
}

func (r *ring) vouch(offset int64) (ok, wasCorrupt bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	chunk := offset / r.w.chunk
	return r.w.verified > offset || r.w.full(), r.failed[chunk], nil
}

func (r *ring) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.feeding = false
	signal(r.room)
}

// pressure is how the ring stands to its follower.
func (r *ring) pressure() pressure {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := pressure{sent: r.w.cursor, backlog: max(0, r.w.end-r.w.cursor)}
	if took := r.last.Sub(r.first); r.choked || took > hopWindow {
		p.inflow = float64(r.came) / max(took, hopWindow).Seconds()
	}
	return p
}

// blocked reports whether there is no room for more, and whether that is the sink's fault alone.
func (r *ring) blocked() (full, bySink bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.end == r.w.size || r.w.room() {
		return false, false
	}
	sink := r.w.sinking && r.w.sunk < r.w.verified
	follower := r.w.feeding && r.w.cursor/r.w.chunk <= r.w.sunk/r.w.chunk
	return true, sink && !follower
}
