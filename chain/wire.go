package chain

import (
	"bufio"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/zeebo/blake3"
)

// kind is the first byte of a frame.
type kind uint8

// Kinds of frames: below 16 they go away from the head, from 16 on towards it.
const (
	kindData     kind = 1
	kindPlan     kind = 2
	kindManifest kind = 3
	kindStart    kind = 4
	kindPing     kind = 5
	kindBye      kind = 6
	kindAbort    kind = 7
	kindSkip     kind = 8
	kindDigests  kind = 9
	kindEnd      kind = 10
	kindAdmit    kind = 11
	kindWant     kind = 16
	kindStatus   kind = 17
	kindRefuse   kind = 18
	kindJoin     kind = 19
)

const (
	headerSize = 16
	tagSize    = 16
	maxFrame   = 128 << 10 // bytes of the image in one DATA frame
	maxDigests = 1 << 10   // in one DIGESTS frame
)

// limit is how long the payload of a kind may be; a kind that is not listed does not exist.
func (k kind) limit() (int, bool) {
	switch k {
	case kindData:
		return maxFrame, true
	case kindPlan:
		return 4 << 20, true
	case kindManifest:
		return manifestHeader + 32*maxChunks, true
	case kindStatus:
		return 1 << 20, true
	case kindDigests:
		return 32 * maxDigests, true
	case kindStart, kindAbort, kindSkip, kindAdmit, kindWant, kindRefuse, kindJoin:
		return 2 << 10, true
	case kindPing, kindBye, kindEnd:
		return 0, true
	}
	return 0, false
}

// placed reports whether the offset of a kind means something; otherwise it is 0.
func (k kind) placed() bool {
	switch k {
	case kindData, kindStart, kindWant, kindEnd, kindDigests:
		return true
	}
	return false
}

// header starts every frame; for DATA, START, WANT and END offset is a position in the image, for DIGESTS a chunk, otherwise 0.
type header struct {
	kind   kind
	length int
	offset int64
}

func (h header) encode() (b [headerSize]byte) {
	b[0] = byte(h.kind)
	binary.BigEndian.PutUint32(b[4:], uint32(h.length))
	binary.BigEndian.PutUint64(b[8:], uint64(h.offset))
	return b
}

func decodeHeader(b [headerSize]byte) (header, error) {
	h := header{kind: kind(b[0])}
	limit, known := h.kind.limit()
	if !known || b[1]|b[2]|b[3] != 0 {
		return header{}, fmt.Errorf("unknown frame %#x", b[:4])
	}
	length, offset := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:])
	if uint64(length) > uint64(limit) {
		return header{}, fmt.Errorf("frame of kind %d is %d bytes long, at most %d are allowed", h.kind, length, limit)
	}
	if offset > 1<<62 || offset != 0 && !h.kind.placed() {
		return header{}, fmt.Errorf("frame of kind %d is at the impossible offset %d", h.kind, offset)
	}
	h.length, h.offset = int(length), int64(offset)
	return h, nil
}

// wire speaks frames on an authenticated connection. One goroutine may write while another reads.
type wire struct {
	conn    net.Conn
	r       *bufio.Reader
	sendTag tagger
	recvTag tagger
	silence silence
	writing time.Duration // spent so far in writing frames: the peer's connection, or the peer, was not ready for more
}

func newWire(conn net.Conn) *wire { return &wire{conn: conn, r: bufio.NewReaderSize(conn, 4<<10)} }

// data sends bytes of the image. They carry no tag: the manifest authenticates them.
func (w *wire) data(offset int64, p []byte) error {
	h := header{kindData, len(p), offset}.encode()
	return w.write(net.Buffers{h[:], p})
}

// control sends a frame with its tag, in one write.
func (w *wire) control(k kind, offset int64, payload []byte) error {
	if limit, _ := k.limit(); len(payload) > limit {
		return fmt.Errorf("frame of kind %d would be %d bytes long, at most %d are allowed", k, len(payload), limit)
	}
	h := header{k, len(payload), offset}.encode()
	tag := w.sendTag.next(h, payload)
	return w.write(net.Buffers{h[:], payload, tag[:]})
}

func (w *wire) write(bufs net.Buffers) error {
	begin := time.Now()
	_, err := bufs.WriteTo(w.conn)
	w.writing += time.Since(begin)
	return err
}

// next reads a header; the caller then reads the payload: of DATA with fill, of any other kind with payload.
func (w *wire) next(timeout time.Duration) (header, error) {
	watch, err := w.watch(timeout)
	had := 0
	for err == nil {
		var b []byte
		if b, err = w.r.Peek(headerSize); err == nil {
			_, _ = w.r.Discard(headerSize) // it is there
			return decodeHeader([headerSize]byte(b))
		}
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if len(b) > had {
			had = len(b)
			watch.ends()
		}
		err = watch.after(err)
	}
	return header{}, err
}

// fill reads all of p, and tells of every step bytes or more that came meanwhile, if told is set. A peer is given up when nothing
// comes for the timeout, however slowly the rest came before.
func (w *wire) fill(p []byte, step int, told func(n int)) error {
	known := 0
	for got := 0; got < len(p); {
		n, err := w.r.Read(p[got:])
		if n > 0 {
			w.silence.ends()
		}
		if got += n; told != nil && (got-known >= step || got == len(p)) {
			told(got - known)
			known = got
		}
		if err == nil || got == len(p) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err = w.silence.after(err); err != nil {
			return err
		}
	}
	return nil
}

// silence is the limit of how long nothing may come. It is no silence of the peer when we slept ourselves: a process that was stopped
// or starved finds its deadlines gone by, and the peer's bytes waiting.
type silence struct {
	conn    net.Conn
	timeout time.Duration
	since   time.Time
	looked  bool
}

func (w *wire) watch(timeout time.Duration) (*silence, error) {
	s := &w.silence
	*s = silence{conn: w.conn, timeout: timeout, since: time.Now()}
	return s, w.conn.SetReadDeadline(s.since.Add(timeout))
}

// ends notes that something came.
func (s *silence) ends() { s.since, s.looked = time.Now(), false }

// after decides what an error means: nil to go on reading. A deadline that is over hides what came in time, so there is one more look,
// and a whole timeout of it when we were late by far.
func (s *silence) after(err error) error {
	now := time.Now()
	lasts := now.Sub(s.since)
	switch {
	case !isTimeout(err):
		return err
	case lasts < s.timeout: // something came since the deadline was set
		return s.conn.SetReadDeadline(s.since.Add(s.timeout))
	case s.looked:
		return err
	}
	s.looked = true
	if lasts > s.timeout+s.timeout/4 {
		s.since = now
		return s.conn.SetReadDeadline(now.Add(s.timeout))
	}
	return s.conn.SetReadDeadline(now.Add(s.timeout / 8))
}

var errTag = errors.New("control frame with a wrong tag")

// payload reads what follows the header of a control frame and checks the tag.
func (w *wire) payload(h header) ([]byte, error) {
	b := make([]byte, h.length+tagSize)
	if err := w.fill(b, 0, nil); err != nil {
		return nil, err
	}
	want := w.recvTag.next(h.encode(), b[:h.length])
	if subtle.ConstantTimeCompare(want[:], b[h.length:]) != 1 {
		return nil, errTag
	}
	return b[:h.length], nil
}

// expect reads one control frame that must be of kind k.
func (w *wire) expect(k kind, timeout time.Duration) (header, []byte, error) {
	h, err := w.next(timeout)
	if err != nil {
		return header{}, nil, err
	}
	if h.kind != k {
		return header{}, nil, fmt.Errorf("frame of kind %d where kind %d was due", h.kind, k)
	}
	b, err := w.payload(h)
	return h, b, err
}

// farewell lets the peer read what was sent last before the connection goes: a close with unread input would reset it.
func (w *wire) farewell(limit time.Duration) {
	defer w.conn.Close()
	if half, ok := w.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	if w.conn.SetReadDeadline(time.Now().Add(limit)) == nil {
		_, _ = io.Copy(io.Discard, w.r)
	}
}

// reset closes the connection and throws away what is not sent yet.
func (w *wire) reset() {
	raw := w.conn
	if sealed, ok := raw.(abrupt); ok {
		raw = sealed.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	w.conn.Close()
}

// tagger makes the tags of the control frames of one direction. It keeps its hasher, which is some 16 KiB.
type tagger struct {
	hasher *blake3.Hasher
	frames uint64 // so far, part of each tag
}

func newTagger(key [32]byte) tagger { return tagger{hasher: newKeyed(key)} }

// newKeyed is keyed BLAKE3.
func newKeyed(key [32]byte) *blake3.Hasher {
	h, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return h
}

func (t *tagger) next(h [headerSize]byte, payload []byte) [tagSize]byte {
	t.hasher.Reset()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], t.frames)
	t.frames++
	t.hasher.Write(n[:])
	t.hasher.Write(h[:])
	t.hasher.Write(payload)
	var sum [32]byte
	t.hasher.Sum(sum[:0])
	return [tagSize]byte(sum[:])
}
