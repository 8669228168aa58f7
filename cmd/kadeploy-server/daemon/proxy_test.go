package daemon_test

import (
	"net"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// proxy stands between a client and the daemon, and lets through as much as it is told, in pieces as they come.
type proxy struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu       sync.Mutex
	news     sync.Cond
	up, down int // pieces that may still pass, of all connections
	accepted int
	waiting  int // pieces on the way up that may not pass
	conns    []net.Conn
	closed   bool
}

const everything = 1 << 40

func newProxy(to string, up, down int) *proxy {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	p := &proxy{listener: l, to: to, up: up, down: down}
	p.news.L = &p.mu
	p.wg.Go(p.serve)
	DeferCleanup(p.close)
	return p
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.accepted++
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.wg.Go(func() { p.carry(server, client, &p.up, &p.waiting) })
		p.wg.Go(func() { p.carry(client, server, &p.down, new(int)) })
	}
}

func (p *proxy) carry(to, from net.Conn, left, waiting *int) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil || !p.passes(left, waiting) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// passes waits until a piece may pass. It is false when the proxy is closed.
func (p *proxy) passes(left, waiting *int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	*waiting++
	defer func() { *waiting-- }()
	for *left == 0 && !p.closed {
		p.news.Wait()
	}
	*left--
	return !p.closed
}

// allow sets how many pieces may pass from now on.
func (p *proxy) allow(up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down = up, down
	p.news.Broadcast()
}

// knocks says how many connections came.
func (p *proxy) knocks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// held says how many pieces of the client's may not pass.
func (p *proxy) held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.up > 0 {
		return 0
	}
	return p.waiting
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.news.Broadcast()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// address is where the client finds the daemon.
func (p *proxy) address() string { return p.listener.Addr().String() }
