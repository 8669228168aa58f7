package chain

// verify hashes what came since, and decides about each chunk that is whole. One that does not match is forgotten, and wanted again.
func (r *ring) verify() {
	r.checking.Lock()
	defer r.checking.Unlock()
	for {
		p, chunk, whole := r.unhashed()
		_, _ = r.hasher.Write(p) // a hash takes everything
		r.hashed += int64(len(p))
		switch {
		case !whole:
			return
		case r.right(chunk):
			r.approve()
		default:
			r.reject(chunk)
			r.hashed = -1
			signal(r.rejected)
		}
	}
}

func (r *ring) right(chunk int64) bool {
	want, known := r.index.digest(chunk)
	var sum Digest
	r.hasher.Sum(sum[:0])
	return known && sum == want
}

// approve makes the chunk just hashed one for the sink. The hasher begins anew.
func (r *ring) approve() {
	r.hasher.Reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.verified = r.hashed
	signal(r.good)
	signal(r.ready)
	signal(r.room)
}

// chunkLen is the length of chunk c. While the image's end is not known a chunk may turn out to be shorter.
func (w *window) chunkLen(c int64) int64 { return min(w.chunk, w.size-c*w.chunk) }

// unhashed returns what the hasher has not had of the chunk being verified, and whether the chunk is whole with it.
func (r *ring) unhashed() (p []byte, chunk int64, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.full() {
		return nil, 0, false
	}
	if r.hashed < r.w.verified || r.hashed > r.w.end { // what it had was forgotten
		r.hasher.Reset()
		r.hashed = r.w.verified
	}
	chunk = r.w.verified / r.w.chunk
	to := r.w.verified + r.w.chunkLen(chunk)
	if end := min(r.w.end, to); end > r.hashed {
		p = r.slot(r.hashed, end)
	}
	return p, chunk, r.w.end >= to
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
	r.failed[chunk], r.suspect = true, chunk*r.w.chunk >= r.seam // of a chunk that two feeds brought nobody knows which was wrong
	r.seam = 0
	signal(r.room)
}

// blame counts the chunk at offset, if it was rejected, against the way it came from a feeder, unless that says that it had it corrupt
// itself. It returns how often it was spoiled, on whatever way, and how many chunks feeders have.
func (r *ring) blame(epoch uint64, offset int64, inherited bool, from party) (chunk int64, times, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	chunk = offset / r.w.chunk
	if r.epoch != epoch {
		return chunk, 0, 0 // a chunk before it was rejected in the meantime
	}
	if r.suspect && !inherited {
		r.count(chunk, from)
	}
	r.suspect = false
	return chunk, r.corrupt[chunk], int(r.spoiled - r.ranged)
}

// blameHead counts the chunk that ended an epoch, if one did that was rejected: it came in a range.
func (r *ring) blameHead(epoch uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.suspect && r.epoch == epoch+1 {
		r.count(r.w.end/r.w.chunk, partyOf(headIndex))
		r.ranged++
		r.suspect = false
	}
}

func (r *ring) count(chunk int64, from party) {
	r.corrupt[chunk]++
	r.spoiled++
	r.spoiler = from
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
	return entry{by: r.spoiler, received: r.w.end, written: r.w.sunk, corrupt: r.spoiled}
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

// blocked and onlySink are those of the window.
func (r *ring) blocked() (full, bySink bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.blocked()
}

func (r *ring) onlySink() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.onlySink()
}
