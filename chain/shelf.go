package chain

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/zeebo/blake3"
)

// errSource marks a fault of the head's own image, which is no link's fault.
var errSource = errors.New("source")

// readAhead is how far the head describes an image beyond what it has sent of it.
const readAhead = 32 << 20

// shelf is the head's source: the whole image, as far as it is described.
type shelf struct {
	r      io.ReaderAt
	index  *index
	cursor atomic.Int64
	buf    []byte
	read   int64 // where in the image the bytes in buf are from
	held   int64 // how many they are
}

func newShelf(r io.ReaderAt, x *index) *shelf {
	return &shelf{r: r, index: x, buf: make([]byte, maxFrame)}
}

func (s *shelf) sent(n int)            { s.move(s.cursor.Load() + int64(n)) }
func (s *shelf) detach()               {}
func (s *shelf) wake() <-chan struct{} { return s.index.growth() }

// serve reads anew what it has read before: whoever asks for a chunk again may have got what the file does not have.
func (s *shelf) serve(want int64) int64 {
	s.held = 0
	s.move(want)
	return want
}

func (s *shelf) move(to int64) {
	s.cursor.Store(to)
	s.index.want(to + readAhead)
}

func (s *shelf) peek() (int64, []byte, error) {
	at := s.cursor.Load()
	w := window{chunk: s.index.chunk}
	n := w.span(at, s.index.limit(), maxFrame)
	if n == 0 {
		return at, nil, nil
	}
	if s.read != at || s.held < n { // whoever looks more often than it sends does not read more often
		if err := readAt(s.r, s.buf[:n], at); err != nil {
			return 0, nil, err
		}
		s.read, s.held = at, n
	}
	return at, s.buf[:n], nil
}

func (s *shelf) pressure() pressure {
	at := s.cursor.Load()
	return pressure{sent: at, backlog: s.index.limit() - at}
}

// vouch looks at the image again when a link says that a chunk is wrong: a file that changed under us must not be blamed on a link.
func (s *shelf) vouch(offset int64) (ok, wasCorrupt bool, err error) {
	chunk := offset / s.index.chunk
	want, known := s.index.digest(chunk)
	if !known {
		return true, false, nil
	}
	_, size := s.index.end()
	w := window{size: size, chunk: s.index.chunk}
	p := make([]byte, w.chunkLen(chunk))
	if err := readAt(s.r, p, chunk*s.index.chunk); err != nil {
		return false, false, err
	}
	if blake3.Sum256(p) != want {
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

// gated is a shelf that gives nothing before its gate opens: late joiners are fed when the chain has been.
type gated struct {
	*shelf
	gate <-chan struct{} // closed: open
}

func (g gated) open() bool {
	select {
	case <-g.gate:
		return true
	default:
		return false
	}
}

func (g gated) peek() (int64, []byte, error) {
	if !g.open() {
		return g.cursor.Load(), nil, nil
	}
	return g.shelf.peek()
}

func (g gated) wake() <-chan struct{} {
	if !g.open() {
		return g.gate
	}
	return g.shelf.wake()
}

// serve does not make the head read ahead for a joiner that waits.
func (g gated) serve(want int64) int64 {
	g.held = 0
	g.cursor.Store(want)
	return want
}
