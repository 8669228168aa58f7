package agent_test

import (
	"io"
	"net"
	gosync "sync" // an order of the specs is called sync

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// turnstile stands before a server and lets connections through one by one.
type turnstile struct {
	listener net.Listener
	server   string
	waiting  chan struct{} // one came to it
	through  chan struct{}
	running  gosync.WaitGroup
}

func newTurnstile(server string) *turnstile {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	t := &turnstile{listener: l, server: server, waiting: make(chan struct{}, 10), through: make(chan struct{})}
	t.running.Go(t.run)
	DeferCleanup(func() {
		l.Close()
		t.open()
		t.running.Wait()
	})
	return t
}

func (t *turnstile) address() string { return t.listener.Addr().String() }

// pass lets the next one through.
func (t *turnstile) pass() {
	GinkgoHelper()
	Eventually(t.waiting, "5s").Should(Receive())
	t.through <- struct{}{}
}

// open lets all through.
func (t *turnstile) open() {
	select {
	case <-t.through:
	default:
		close(t.through)
	}
}

func (t *turnstile) run() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.waiting <- struct{}{}
		<-t.through
		out, err := net.Dial("tcp", t.server)
		if err != nil {
			conn.Close()
			continue
		}
		t.running.Go(func() { io.Copy(out, conn); out.(*net.TCPConn).CloseWrite() })
		t.running.Go(func() { io.Copy(conn, out); conn.Close(); out.Close() })
	}
}
