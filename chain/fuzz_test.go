package chain

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// FuzzMessages feeds every decoder. What is accepted must encode to the same bytes again: there is one encoding of a message.
func FuzzMessages(f *testing.F) {
	f.Add(byte(kindPlan), plan{feeder: headIndex, index: 1, late: true, round: 9, head: "127.0.0.1:1", links: []Link{{"a", "b:1"}, {"c", "d:2"}}}.encode())
	f.Add(byte(kindWant), want{serial: 7, until: 9, reason: wantCorrupt}.encode())
	f.Add(byte(kindStart), start{serial: 7, inherited: true}.encode())
	f.Add(byte(kindStatus), status{true, []numbered{{3, entry{Failed, 2, 1, 2, 3, "disk full"}}, {4, entry{state: Done}}}}.encode())
	f.Add(byte(kindRefuse), refusal{leaves, "no"}.encode())
	f.Add(byte(kindAbort), abort{true, "gone"}.encode())
	f.Add(byte(kindSkip), appendText(nil, "slow"))
	f.Add(byte(kindJoin), join{whySlowDisk, "a", "its disk is slow"}.encode())
	f.Add(byte(kindAdmit), admit{true}.encode())
	f.Add(byte(kindDigests), encodeDigests([]Digest{{1}, {2}}))
	f.Add(byte(kindStatus), []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(byte(kindPlan), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, k byte, b []byte) {
		var again []byte
		var err error
		switch kind(k) {
		case kindPlan:
			var p plan
			if p, err = decodePlan(b); err == nil {
				again = p.encode()
				_ = p.name(p.feeder) + p.name(p.index)
			}
		case kindWant:
			var w want
			w, err = decodeWant(b)
			again = w.encode()
		case kindStart:
			var s start
			s, err = decodeStart(b)
			again = s.encode()
		case kindStatus:
			var s status
			s, err = decodeStatus(b)
			again = s.encode()
			p := plan{links: make([]Link, maxLinks+1)}
			for _, n := range s.news {
				_ = n.entry.state.String() + p.lostBy(n.entry)
			}
		case kindRefuse:
			var r refusal
			r, err = decodeRefusal(b)
			again = r.encode()
		case kindAbort:
			var a abort
			a, err = decodeAbort(b)
			again = a.encode()
		case kindSkip:
			var cause string
			cause, err = decodeSkip(b)
			again = appendText(nil, cause)
		case kindJoin:
			var j join
			j, err = decodeJoin(b)
			again = j.encode()
		case kindAdmit:
			var a admit
			a, err = decodeAdmit(b)
			again = a.encode()
		case kindDigests:
			var all []Digest
			all, err = decodeDigests(b)
			again = encodeDigests(all)
		default:
			return
		}
		if err == nil && !bytes.Equal(again, b) && !(kind(k).explains() && slices.EqualFunc(again, b, asRead)) {
			t.Fatalf("kind %d: %x was read as %x", k, b, again)
		}
	})
}

// explains reports whether a kind has a cause.
func (k kind) explains() bool {
	return slices.Contains([]kind{kindStatus, kindRefuse, kindAbort, kindSkip, kindJoin}, k)
}

// asRead compares a byte that was read with the one that came: in a cause, control characters are read as spaces.
func asRead(read, came byte) bool {
	return read == came || read == ' ' && (came < ' ' || came == 0x7f)
}

func FuzzManifest(f *testing.F) {
	for _, size := range []int64{0, 1, 4096, 4097} {
		m, err := BuildManifest(io.LimitReader(zeros{}, size), 4096)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatalf("%x is a second encoding of %+v", b, m)
		}
		var sum int64
		w := window{size: m.Size, chunk: int64(m.ChunkSize)}
		for i := range m.Chunks {
			sum += w.chunkLen(int64(i))
		}
		if sum != m.Size {
			t.Fatalf("chunks are %d bytes together, the image %d", sum, m.Size)
		}
	})
}

// FuzzIndex reads what a follower gets first, and goes on with digests and an end that may not fit.
func FuzzIndex(f *testing.F) {
	m, err := BuildManifest(io.LimitReader(zeros{}, 4097), 4096)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Encode(), uint16(1), int64(5000))
	f.Add(newIndex(4096).encode(), uint16(3), int64(3*4096))
	f.Add(newIndex(4096).encode(), uint16(0), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, more uint16, size int64) {
		x, err := decodeIndex(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.encode(), b) {
			t.Fatalf("%x is a second encoding", b)
		}
		known, _ := x.end()
		_ = x.add(known, make([]Digest, more))
		_ = x.seal(size)
		known, end := x.end()
		if x.limit() > end || x.limit() > int64(known)*x.chunk {
			t.Fatalf("%d of %d bytes are described by %d digests", x.limit(), end, known)
		}
		if m := x.manifest(); m != nil && m.check() != nil {
			t.Fatalf("sealed with %d bytes and %d digests: %v", m.Size, known, m.check())
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzFrames lets a stranger say anything to both ends of a handshake, and an authenticated peer any frame.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("KDCH\x02\x01\x00\x00"))
	f.Add(append([]byte("KDCH\x02\x01\x00\x01"), make([]byte, 80)...)) // a byte that is to be zero, of a hello and of a challenge
	f.Add(make([]byte, 200))
	h := header{kindData, 3, 5}.encode()
	f.Add(append(h[:], 1, 2, 3))
	for _, wrong := range []header{{kindPing, 1, 0}, {kindEnd, 1, 5}, {kindBye, 0, 1}} {
		h = wrong.encode()
		f.Add(append(h[:], make([]byte, 1+tagSize)...))
	}
	h = header{kindPing, 0, 0}.encode()
	tagger := newTagger([32]byte{})
	tag := tagger.next(h, nil)
	f.Add(append(h[:], tag[:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := acceptHandshake(&script{r: bytes.NewReader(b)}, secret{}, true, time.Second, roleFeed, roleJoin); err == nil {
			t.Fatal("a stranger proved a key it does not have")
		}
		if _, _, err := dialHandshake(&script{r: bytes.NewReader(b)}, secret{}, roleFeed, time.Second); err == nil {
			t.Fatal("a stranger proved a key it does not have")
		}
		w := newWire(&script{r: bytes.NewReader(b)})
		w.recvTag = newTagger([32]byte{})
		for {
			h, err := w.next(time.Second)
			if err != nil {
				return
			}
			if limit, ok := h.kind.limit(); !ok || h.length > limit || h.offset < 0 || h.offset > 0 && !h.kind.placed() {
				t.Fatalf("accepted %+v", h)
			}
			if h.kind == kindData {
				_, err = io.CopyN(io.Discard, w.r, int64(h.length))
			} else if h.length <= len(b) { // a longer one ends early, after an allocation that its limit bounds
				_, err = w.payload(h)
			} else {
				return
			}
			if err != nil {
				return
			}
		}
	})
}

// script is a connection whose other end has said all it will say.
type script struct {
	net.Conn
	r io.Reader
}

func (s *script) Read(p []byte) (int, error)        { return s.r.Read(p) }
func (s *script) Write(p []byte) (int, error)       { return len(p), nil }
func (s *script) SetDeadline(time.Time) error       { return nil }
func (s *script) SetReadDeadline(t time.Time) error { return nil }
