package chain_test

import (
	"net"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// relayed puts a relay before node i that knows nothing of the protocol. wrap may change the two ends of a connection that came; pass
// moves what comes from src to dst until one of them ends.
func (b *broadcast) relayed(i int, wrap func(from, to net.Conn) (net.Conn, net.Conn), pass func(dst, src net.Conn)) {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	target := b.send.Links[i].Addr
	b.send.Links[i].Addr = l.Addr().String()
	r := &relay{}
	r.wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			if err != nil {
				from.Close()
				continue
			}
			r.keep(from, to)
			one, other := wrap(from, to)
			r.half(func() { pass(other, one) }, from, to)
			r.half(func() { pass(one, other) }, from, to)
		}
	})
	DeferCleanup(func() {
		l.Close()
		r.end()
	})
}

// asItIs is a relay's way to leave a connection alone.
func asItIs(from, to net.Conn) (net.Conn, net.Conn) { return from, to }

// relay is what runs for the connections through a relay.
type relay struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	open []net.Conn
}

func (r *relay) keep(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, conns...)
}

// half runs one direction; both ends close with it.
func (r *relay) half(run func(), from, to net.Conn) {
	r.wg.Go(func() {
		defer from.Close()
		defer to.Close()
		run()
	})
}

func (r *relay) end() {
	r.mu.Lock()
	for _, c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// recorded puts a relay before node i that writes down what goes through it towards the node, and returns it so far.
func (b *broadcast) recorded(i int) func() []byte {
	GinkgoHelper()
	var mu sync.Mutex
	var all []byte
	node := b.send.Links[i].Addr
	b.relayed(i, asItIs, func(dst, src net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := src.Read(buf)
			if n > 0 && dst.RemoteAddr().String() == node {
				mu.Lock()
				all = append(all, buf[:n]...)
				mu.Unlock()
			}
			if err != nil {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	return func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}
