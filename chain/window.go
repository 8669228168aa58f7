package chain

// window is the arithmetic of a ring: which bytes of the image a link holds, and what may be overwritten. It is made of whole chunks,
// keeps some of what was sent and written (the next follower may want it when this one dies), and knows no buffers.
//
//	base <= verified <= end, sunk <= verified, cursor anywhere (it waits while it is beyond end)
type window struct {
	size  int64 // of the image
	chunk int64
	slots int64 // chunks that fit
	keep  int64 // chunks kept of what nobody needs, while a follower is fed

	base     int64 // first byte still held, always the start of a chunk
	end      int64 // bytes received
	verified int64 // bytes that match the manifest
	sunk     int64 // bytes the sink took
	cursor   int64 // bytes sent to the follower

	sinking bool // the sink still takes bytes
	feeding bool // a follower may still want bytes
}

// floor is the first byte that somebody here still needs.
func (w *window) floor() int64 {
	f := w.verified
	if w.sinking {
		f = min(f, w.sunk)
	}
	if w.feeding {
		f = min(f, w.cursor)
	}
	return f
}

// room reports whether the byte at end may be written: its chunk has a slot that nobody needs.
func (w *window) room() bool {
	return w.end < w.size && w.end/w.chunk-w.floor()/w.chunk < w.slots
}

// grow takes in n bytes at end; the caller has asked room. What the slot held before is forgotten.
func (w *window) grow(n int64) {
	w.claim()
	w.end += n
}

// claim forgets the chunk whose slot the byte at end needs, and what is further back than keep. Without a follower nothing tells how
// far back the next one will be: then all that fits is kept.
func (w *window) claim() {
	w.base = max(w.base, (w.end/w.chunk-w.slots+1)*w.chunk)
	if w.feeding {
		w.base = max(w.base, (w.floor()/w.chunk-w.keep)*w.chunk)
	}
}

// claimed reports whether the slot of chunk c holds c, or nothing that anyone may still read.
func (w *window) claimed(c int64) bool { return w.base > (c-w.slots)*w.chunk }

// rewind forgets the chunk being verified and all after it.
func (w *window) rewind() { w.end = w.verified }

// serve sets the cursor for a follower that wants the image from want on, and returns where it can begin: later than want when the
// ring no longer holds it. A follower that is ahead waits.
func (w *window) serve(want int64) int64 {
	w.feeding = true
	w.cursor = max(want, w.base)
	return w.cursor
}

// span is how many bytes from offset on lie before until, within one chunk and within limit.
func (w *window) span(offset, until, limit int64) int64 {
	return max(0, min(until-offset, w.chunk-offset%w.chunk, limit))
}

// full reports whether all of the image has come and is what the manifest says.
func (w *window) full() bool { return w.verified == w.size }

// blocked reports whether there is no room for more, and whether that is the sink's fault alone.
func (w *window) blocked() (full, bySink bool) {
	if w.end == w.size || w.room() {
		return false, false
	}
	sink := w.sinking && w.sunk < w.verified
	follower := w.feeding && w.cursor/w.chunk <= w.sunk/w.chunk
	return true, sink && !follower
}

// onlySink reports whether everything came and went on, or nobody wants it, so that the sink is all that is left to do.
func (w *window) onlySink() bool { return w.full() && (w.cursor >= w.end || !w.feeding) }
