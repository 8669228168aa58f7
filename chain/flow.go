package chain

import (
	"context"
	"fmt"
	"time"
)

// cutThrough is how many bytes of a frame are passed on before the rest of it is here.
const cutThrough = 16 << 10

// flow puts DATA frames into the ring. Frames of an epoch that is over are read and dropped.
type flow struct {
	ring  *ring
	stall time.Duration
	epoch uint64 // 0: no start has come yet
	at    int64  // where the next frame must be
	waste []byte // for what is dropped
}

// current reports whether what comes is still wanted.
func (f *flow) current() bool {
	epoch, _, _, _ := f.ring.wanted()
	return f.epoch == epoch
}

func (f *flow) data(ctx context.Context, w *wire, h header) error {
	var p []byte
	if f.epoch != 0 && f.current() {
		if h.length == 0 || h.offset != f.at || !f.ring.fits(h) {
			return fmt.Errorf("sent %d bytes at %d where %d was due", h.length, h.offset, f.at)
		}
		p = f.ring.reserve(ctx, f.epoch, h.length)
		// The wait for room was ours, not the feeder's.
		if _, err := w.watch(f.stall); err != nil {
			return err
		}
	}
	if p == nil {
		if f.waste == nil {
			f.waste = make([]byte, maxFrame)
		}
		return w.fill(f.waste[:h.length], 0, nil)
	}
	return w.fill(p, cutThrough, func(n int) {
		f.ring.commit(f.epoch, n)
		f.at += int64(n)
	})
}

// fits reports whether a frame lies within one chunk, and one whose digest is known.
func (r *ring) fits(h header) bool {
	chunk := r.index.chunk
	return h.offset+int64(h.length) <= r.index.limit() && h.offset%chunk+int64(h.length) <= chunk
}
