package chain_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// throttle is an image that is read slowly beyond an offset until it is opened, so that a spec can act in the middle of a transfer.
type throttle struct {
	r     io.ReaderAt
	after int64
	gate  chan struct{}
}

func (t *throttle) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= t.after {
		select {
		case <-t.gate:
		case <-time.After(50 * time.Millisecond):
		}
	}
	return t.r.ReadAt(p, offset)
}

// forgetful is an image of which the first chunk that is read again, from its beginning, is another one, once.
type forgetful struct {
	io.ReaderAt
	mu   sync.Mutex
	read int64 // so far
	done bool
}

func (f *forgetful) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, offset)
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset < f.read && offset%chunk == 0 && !f.done {
		f.done = true
		p[0] ^= 1
	}
	f.read = max(f.read, offset+int64(n))
	return n, err
}

// slowAfter makes the head slow beyond an offset; the function returned lets it go.
func (b *broadcast) slowAfter(offset int64) (open func()) {
	gate := make(chan struct{})
	b.send.Source = &throttle{bytes.NewReader(b.image), offset, gate}
	return sync.OnceFunc(func() { close(gate) })
}

// eachHas waits until the sink of every node holds n bytes.
func (b *broadcast) eachHas(n int) {
	GinkgoHelper()
	b.hasBytes(n, upTo(len(b.nodes))...)
}

// hasBytes waits until the sinks of the nodes given do.
func (b *broadcast) hasBytes(n int, nodes ...int) {
	GinkgoHelper()
	for _, i := range nodes {
		Eventually(func() int { l, _, _ := b.nodes[i].sink.state(); return l }).WithTimeout(20*second).Should(BeNumerically(">=", n), b.nodes[i].name)
	}
}

// proxy stands before one node and forwards connections to it, frame by frame.
type proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
	frozen   atomic.Bool
	deaf     atomic.Bool // to new connections

	spoilAt    int64 // the byte of the image to flip, when spoil is not 0
	spoil      atomic.Int64
	spoilChunk func(n int64) bool // whether to flip a byte at the begin of chunk n, every time
	dropAfter  atomic.Int64       // close the connection after so many data frames, when not 0
	dataFrames atomic.Int64
	dataBytes  atomic.Int64
	hangups    atomic.Int64 // connections that the node ended
}

// proxied puts a proxy before node i.
func (b *broadcast) proxied(i int) *proxy {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	p := &proxy{listener: l, target: b.send.Links[i].Addr}
	b.send.Links[i].Addr = l.Addr().String()
	p.wg.Go(p.serve)
	DeferCleanup(func() {
		l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

// connections is how many have come.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) / 2
}

// cut ends all connections that have come.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
}

func (p *proxy) serve() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.deaf.Load() {
			p.mu.Lock()
			p.open = append(p.open, from)
			p.mu.Unlock()
			continue
		}
		to, err := net.Dial("tcp", p.target)
		if err != nil {
			from.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, from, to)
		p.mu.Unlock()
		p.wg.Go(func() { defer to.Close(); defer from.Close(); p.down(to, from) })
		p.wg.Go(func() { defer to.Close(); defer from.Close(); p.up(from, to) })
	}
}

func (p *proxy) up(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			p.hangups.Add(1)
			return
		}
		if p.frozen.Load() {
			continue // swallowed
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// down knows the protocol well enough to find the image's bytes: docs/chain-protocol.md, "Handshake" and "Frames".
func (p *proxy) down(to, from net.Conn) {
	if _, err := io.CopyN(to, from, 56+32); err != nil {
		return
	}
	for {
		frame := make([]byte, 16)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		length, offset := int64(binary.BigEndian.Uint32(frame[4:])), int64(binary.BigEndian.Uint64(frame[8:]))
		rest := make([]byte, length)
		data := frame[0] == 1
		if !data {
			rest = append(rest, make([]byte, 16)...)
		}
		if _, err := io.ReadFull(from, rest); err != nil {
			return
		}
		if data && offset <= p.spoilAt && p.spoilAt < offset+length && p.spoil.Add(-1) >= 0 {
			rest[p.spoilAt-offset] ^= 0x40
		}
		if data && p.spoilChunk != nil && offset%chunk == 0 && p.spoilChunk(offset/chunk) {
			rest[0] ^= 1
		}
		if data {
			p.dataBytes.Add(length)
		}
		if data && p.dataFrames.Add(1) == p.dropAfter.Load() {
			return
		}
		if p.frozen.Load() {
			continue
		}
		if _, err := to.Write(append(frame, rest...)); err != nil {
			return
		}
	}
}
