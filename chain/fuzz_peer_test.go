package chain

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const fuzzChunk = 1 << 10

// fuzzImage is what honest words of a fuzzed conversation are about.
var fuzzImage = func() []byte {
	p := make([]byte, 9*fuzzChunk+77)
	for i := range p {
		p[i] = byte(i>>8) ^ byte(i)
	}
	return p
}()

var fuzzManifest = func() *Manifest {
	m, err := BuildManifest(bytes.NewReader(fuzzImage), fuzzChunk)
	if err != nil {
		panic(err)
	}
	return m
}()

// manifestOf is what a script has a link told of the image first: the truth as a rule.
func manifestOf(script *words) []byte {
	switch script.byte() % 16 {
	case 8:
		return newIndex(fuzzChunk).encode()
	case 9:
		return script.bytes()
	case 10:
		other := *fuzzManifest
		other.Chunks = append([]Digest{{9}}, other.Chunks[1:]...)
		return other.Encode()
	}
	return fuzzManifest.Encode()
}

// pipes is a listener whose connections never leave the process.
type pipes struct {
	came chan net.Conn
	over chan struct{} // closed: Accept fails
	once sync.Once
}

func newPipes() *pipes { return &pipes{came: make(chan net.Conn), over: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.came:
		return c, nil
	case <-p.over:
		return nil, os.ErrDeadlineExceeded
	}
}

// SetDeadline knows two: none, and one in the past for good.
func (p *pipes) SetDeadline(t time.Time) error {
	if !t.IsZero() {
		p.Close()
	}
	return nil
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.over) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// dial returns the other end of a new connection, nil when nobody accepts any more.
func (p *pipes) dial() net.Conn {
	mine, theirs := net.Pipe()
	select {
	case p.came <- theirs:
		return mine
	case <-p.over:
	case <-time.After(time.Second): // all are busy
	}
	return nil
}

// headAddress is where a link of a fuzzed conversation calls the head.
const headAddress = "head:1"

// onlyHead calls the head, and nobody else: no other machine answers.
type onlyHead struct{ head *pipes }

func (o onlyHead) DialContext(_ context.Context, network, addr string) (net.Conn, error) {
	if addr == headAddress {
		if conn := o.head.dial(); conn != nil {
			return conn, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// peer is the end of an authenticated connection that says whatever a script makes it say. It takes in all it is told.
type peer struct {
	w    *wire
	mu   sync.Mutex
	last due   // the latest WANT it was told
	at   int64 // where its next DATA belongs
	gone chan struct{}
}

// newPeer lets a peer listen.
func newPeer(w *wire) *peer {
	p := &peer{w: w, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		for {
			h, err := w.next(time.Minute)
			if err != nil {
				return
			}
			if h.kind == kindData {
				if w.fill(make([]byte, h.length), 0, nil) != nil {
					return
				}
				continue
			}
			b, err := w.payload(h)
			if err != nil {
				return
			}
			if asked, err := decodeWant(b); h.kind == kindWant && err == nil {
				p.mu.Lock()
				p.last = due{asked, h.offset}
				p.mu.Unlock()
			}
		}
	}()
	return p
}

func (p *peer) wanted() due {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// say sends a frame with a right tag; whoever does not read it in time has had his chance.
func (p *peer) say(k kind, offset int64, payload []byte) {
	_ = p.w.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if limit, known := k.limit(); known && len(payload) <= limit && k != kindData {
		_ = p.w.control(k, offset, payload)
	}
}

// data sends bytes as the image's.
func (p *peer) data(offset int64, b []byte) {
	_ = p.w.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if p.w.data(offset, b) == nil {
		p.at = offset + int64(len(b))
	}
}

// hangUp ends the connection and waits for the listening half.
func (p *peer) hangUp() {
	p.w.conn.Close()
	<-p.gone
}

// words hands out the bytes of a script; when it is at its end there are zeros.
type words struct{ r bytes.Reader }

func newWords(script []byte) *words { return &words{*bytes.NewReader(script)} }

func (w *words) over() bool { return w.r.Len() == 0 }

func (w *words) byte() byte {
	b, _ := w.r.ReadByte()
	return b
}

func (w *words) bytes() []byte {
	b := make([]byte, w.byte())
	n, _ := w.r.Read(b)
	return b[:n]
}

// offset is one near the borders of chunks, or far away.
func (w *words) offset(chunk int64) int64 {
	switch b := int64(w.byte()); {
	case b == 255:
		return 1 << 62
	case b >= 128:
		return (b - 128) * chunk / 4
	default:
		return b*chunk + int64(int8(w.byte())) + 1
	}
}
