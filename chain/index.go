package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/zeebo/blake3"
)

// noEnd stands for the size of an image whose end nobody has seen yet.
const noEnd = math.MaxInt64 >> 1

// index is what one party knows of the image: the digests of its first chunks, and its size once that is known. It only grows. An
// image that is sent while it is read has an open index at first; one with a manifest is sealed from the start.
type index struct {
	chunk int64

	mu     sync.Mutex
	known  []Digest
	size   int64 // noEnd until sealed
	sealed bool
	goal   int64         // bytes that somebody is waiting to see described: how far the head reads on
	grew   chan struct{} // closed, and made anew, when any of it changes
}

func newIndex(chunkSize int) *index {
	return &index{chunk: int64(chunkSize), size: noEnd, grew: make(chan struct{})}
}

func indexOf(m *Manifest) *index {
	x := newIndex(m.ChunkSize)
	x.known, x.size, x.sealed = m.Chunks, m.Size, true
	return x
}

// digest is that of chunk c, if it is known.
func (x *index) digest(c int64) (Digest, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c >= int64(len(x.known)) {
		return Digest{}, false
	}
	return x.known[c], true
}

// limit is how many bytes of the image are described.
func (x *index) limit() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.described()
}

func (x *index) described() int64 { return min(int64(len(x.known))*x.chunk, x.size) }

// end returns how many digests are known, and the size, which is noEnd until the index is sealed.
func (x *index) end() (known int, size int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.known), x.size
}

// after returns at most n digests from the first one on that the caller does not know.
func (x *index) after(first, n int) []Digest {
	x.mu.Lock()
	defer x.mu.Unlock()
	if first >= len(x.known) {
		return nil
	}
	return x.known[first:min(first+n, len(x.known))]
}

// add appends digests of chunks from first on. Those that are known already must be the same.
func (x *index) add(first int, digests []Digest) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if first > len(x.known) || first+len(digests) > maxChunks {
		return fmt.Errorf("digests of chunks %d to %d where chunk %d was due", first, first+len(digests), len(x.known))
	}
	for i, d := range digests {
		switch c := first + i; {
		case c < len(x.known):
			if x.known[c] != d {
				return fmt.Errorf("two digests of chunk %d", c)
			}
		case x.sealed:
			return fmt.Errorf("a digest of chunk %d beyond the image's end", c)
		default:
			x.known = append(x.known, d)
		}
	}
	x.changed()
	return nil
}

// addLast appends the digest of the last chunk, c, and seals the index.
func (x *index) addLast(c int, d Digest, size int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c != len(x.known) || c >= maxChunks {
		return fmt.Errorf("the last chunk is %d where %d was due", c, len(x.known))
	}
	x.known = append(x.known, d)
	return x.close(size)
}

// seal ends an image.
func (x *index) seal(size int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.close(size)
}

func (x *index) close(size int64) error {
	if x.sealed {
		if size != x.size {
			return fmt.Errorf("the image ends at %d and at %d", x.size, size)
		}
		return nil
	}
	if want := (size + x.chunk - 1) / x.chunk; size < 0 || want != int64(len(x.known)) {
		return fmt.Errorf("an image of %d bytes with %d chunks of %d", size, len(x.known), x.chunk)
	}
	x.size, x.sealed = size, true
	x.changed()
	return nil
}

// goalStep keeps those who wait for the index from being woken by every frame.
const goalStep = 4 << 20

// want asks for at least so many bytes to be described.
func (x *index) want(bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.sealed && bytes > x.goal {
		x.goal = bytes + goalStep
		x.changed()
	}
}

// wanted reports whether more is asked for than is described, and a channel that closes when that may have changed.
func (x *index) wanted() (bool, <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.described() < x.goal, x.grew
}

func (x *index) changed() {
	close(x.grew)
	x.grew = make(chan struct{})
}

func (x *index) growth() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.grew
}

// errAnother tells of two parties that do not have the same image.
var errAnother = errors.New("another image")

// agrees reports whether the first n chunks are those of prefix. It is false without an error while they are not all known here.
func (x *index) agrees(n int, prefix Digest) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case n > len(x.known) && x.sealed:
		return false, errAnother
	case n > len(x.known):
		return false, nil
	case digestOf(x.known[:n]) != prefix:
		return false, errAnother
	}
	return true, nil
}

// prefix is the digest of all digests known, and their number.
func (x *index) prefix() (int, Digest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.known), digestOf(x.known)
}

func digestOf(digests []Digest) (sum Digest) {
	h := blake3.New()
	for _, d := range digests {
		h.Write(d[:])
	}
	h.Sum(sum[:0])
	return sum
}

// manifest is that of the sealed image, nil before.
func (x *index) manifest() *Manifest {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.sealed {
		return nil
	}
	return &Manifest{Size: x.size, ChunkSize: int(x.chunk), Chunks: x.known}
}

// encodeIndex is what a follower without one gets first: the whole manifest, or one of an image without end, whose digests follow.
func (x *index) encode() []byte {
	if m := x.manifest(); m != nil {
		return m.Encode()
	}
	b := append([]byte(manifestMagic), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	return binary.BigEndian.AppendUint32(b, uint32(x.chunk))
}

// decodeIndex is the inverse of encode.
func decodeIndex(b []byte) (*index, error) {
	if len(b) == manifestHeader && string(b[:len(manifestMagic)]) == manifestMagic && binary.BigEndian.Uint64(b[8:]) == math.MaxUint64 {
		chunk := binary.BigEndian.Uint32(b[16:])
		if chunk < minChunkSize || chunk > maxChunkSize {
			return nil, fmt.Errorf("chunk size %d is outside %d to %d", chunk, minChunkSize, maxChunkSize)
		}
		return newIndex(int(chunk)), nil
	}
	m, err := DecodeManifest(b)
	if err != nil {
		return nil, err
	}
	return indexOf(m), nil
}
