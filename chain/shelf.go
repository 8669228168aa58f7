package chain

import (
	"errors"
	"fmt"
	"io"

	"lukechampine.com/blake3"
)

// errSource marks a fault of the head's own image, which is no link's fault.
var errSource = errors.New("source")

// shelf is the head's source: the whole image, always there.
type shelf struct {
	r        io.ReaderAt
	manifest *Manifest
	cursor   int64
	buf      []byte
}

func newShelf(r io.ReaderAt, m *Manifest) *shelf {
	return &shelf{r: r, manifest: m, buf: make([]byte, maxFrame)}
}

func (s *shelf) serve(want int64) int64 { s.cursor = want; return want }
func (s *shelf) sent(n int)             { s.cursor += int64(n) }
func (s *shelf) detach()                {}
func (s *shelf) wake() <-chan struct{}  { return nil }

func (s *shelf) peek() (int64, []byte, error) {
	w := window{chunk: int64(s.manifest.ChunkSize)}
	n := w.span(s.cursor, s.manifest.Size, maxFrame)
	if n == 0 {
		return s.cursor, nil, nil
	}
	if err := readAt(s.r, s.buf[:n], s.cursor); err != nil {
		return 0, nil, err
	}
	return s.cursor, s.buf[:n], nil
}

// vouch looks at the image again when a link says that a chunk is wrong: a file that changed under us must not be blamed on a link.
func (s *shelf) vouch(offset int64) (ok, wasCorrupt bool, err error) {
	chunk := offset / int64(s.manifest.ChunkSize)
	if chunk >= int64(len(s.manifest.Chunks)) {
		return true, false, nil
	}
	p := make([]byte, s.manifest.chunkLen(chunk))
	if err := readAt(s.r, p, chunk*int64(s.manifest.ChunkSize)); err != nil {
		return false, false, err
	}
	if blake3.Sum256(p) != s.manifest.Chunks[chunk] {
		return false, false, fmt.Errorf("%w: chunk %d is not what the manifest says: the image changed", errSource, chunk)
	}
	return true, false, nil
}

func readAt(r io.ReaderAt, p []byte, offset int64) error {
	if n, err := r.ReadAt(p, offset); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%w: read at %d: %w", errSource, offset, err)
	}
	return nil
}
