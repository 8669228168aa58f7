package probe_test

import (
	"context"
	"net"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/probe"
)

var _ = Describe("a system that is held", func() {
	var port int
	var guests chan net.Conn
	var listener net.Listener

	BeforeEach(func() {
		var err error
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { listener.Close() })
		port = listener.Addr().(*net.TCPAddr).Port
		guests = make(chan net.Conn, 1)
		go func() {
			if conn, err := listener.Accept(); err == nil {
				conn.Write([]byte("SSH-2.0-test\r\n"))
				guests <- conn
			}
		}()
	})
	hold := func() *probe.System {
		s := probe.Hold(context.Background(), netip.MustParseAddr("127.0.0.1"), port)
		DeferCleanup(s.Release)
		return s
	}

	It("is there as long as its connection lives, and gone with it", func() {
		s := hold()
		guest := <-guests
		Consistently(s.Gone, "100ms").Should(BeFalse())
		guest.Close()
		Eventually(s.Gone).Should(BeTrue())
	})

	It("is gone when it resets the connection", func() {
		s := hold()
		guest := (<-guests).(*net.TCPConn)
		guest.SetLinger(0)
		guest.Close()
		Eventually(s.Gone).Should(BeTrue())
	})

	It("was never there when nothing answered", func() {
		listener.Close()
		Expect(hold().Gone()).To(BeTrue())
	})
})
