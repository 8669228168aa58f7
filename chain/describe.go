package chain

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// describe reads an image to its end and puts what it sees into x, no further ahead than x is asked for. It is the head's own
// goroutine; a read that hangs outlives it.
func describe(ctx context.Context, r io.Reader, x *index) error {
	buf := make([]byte, x.chunk)
	var size int64
	for c := 0; ; c++ {
		for {
			needed, grew := x.wanted()
			if needed {
				break
			}
			select {
			case <-grew:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		n, err := io.ReadFull(r, buf)
		size += int64(n)
		switch {
		case n > 0 && c == maxChunks:
			return fmt.Errorf("%w: more than %d chunks of %d bytes: use larger chunks", errSource, maxChunks, x.chunk)
		case err == nil:
			err = x.add(c, []Digest{blake3.Sum256(buf)})
		case errors.Is(err, io.ErrUnexpectedEOF):
			return x.addLast(c, blake3.Sum256(buf[:n]), size)
		case errors.Is(err, io.EOF):
			return x.seal(size)
		}
		if err != nil {
			return fmt.Errorf("%w: read at %d: %w", errSource, size, err)
		}
	}
}
