// Package readback finds out whether a disk holds what was written to it.
package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// chunk is what one digest is of, in bytes: how exactly the place of a difference is known. An image of 1 TiB has 8 MiB of digests.
const chunk = 4 << 20

// Written has the digests of all that was written to it, in order. The zero value is ready. It is not safe for concurrent use.
type Written struct {
	digests [][32]byte
	hash    *blake3.Hasher
	size    int64
}

// Write takes what has just been written to the disk. It never fails.
func (w *Written) Write(p []byte) (int, error) {
	n := len(p)
	if w.hash == nil {
		w.hash = blake3.New()
	}
	for len(p) > 0 {
		part := p[:min(int64(len(p)), chunk-w.size%chunk)]
		w.hash.Write(part)
		w.size += int64(len(part))
		if p = p[len(part):]; w.size%chunk == 0 {
			w.digests = append(w.digests, w.sum())
		}
	}
	return n, nil
}

// sum is the digest of what came since the last one.
func (w *Written) sum() (sum [32]byte) {
	w.hash.Sum(sum[:0])
	w.hash.Reset()
	return sum
}

// Compare reads as many bytes as were written, and says where they differ. Nothing may be written afterwards. When ctx ends, its cause is the
// error.
func (w *Written) Compare(ctx context.Context, r io.Reader) error {
	if w.size%chunk != 0 {
		w.digests = append(w.digests, w.sum())
	}
	buffer := make([]byte, min(chunk, w.size))
	for i, want := range w.digests {
		if ctx.Err() != nil {
			return fmt.Errorf("read the image back: %w", context.Cause(ctx))
		}
		at := int64(i) * chunk
		part := buffer[:min(chunk, w.size-at)]
		if _, err := io.ReadFull(r, part); err != nil {
			return fmt.Errorf("read the image back: byte %d and on: %w", at, err)
		}
		if got := blake3.Sum256(part); !bytes.Equal(got[:], want[:]) {
			return fmt.Errorf("read the image back: %w from byte %d to %d: is the disk broken?", ErrDiffers, at, at+int64(len(part))-1)
		}
	}
	return nil
}

// ErrDiffers is part of the error of Compare when everything could be read.
var ErrDiffers = errors.New("the disk does not hold what was written")
