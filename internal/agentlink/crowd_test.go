package agentlink_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agentlink"
)

// knock makes a connection that says a text and nothing more.
func knock(d *desk, text string) net.Conn {
	GinkgoHelper()
	conn, err := net.Dial("tcp", d.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	if text != "" {
		_, _ = conn.Write([]byte(text)) // it may have been pushed out by now
	}
	return conn
}

// ends waits until the server has hung up.
func ends(conn net.Conn, within time.Duration) {
	GinkgoHelper()
	Expect(conn.SetReadDeadline(time.Now().Add(within))).To(Succeed())
	_, err := io.Copy(io.Discard, conn)
	if err != nil {
		Expect(err.Error()).To(ContainSubstring("reset"))
	}
}

var _ = Describe("Connections of strangers", func() {
	const hour = time.Hour

	It("cost nothing when they do not speak the protocol at all", func() {
		d := open(nil)
		for _, text := range []string{
			"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00\xff", 5000), "\x16\x03\x01\xff\xff",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\x7f", 5000),
		} {
			knock(d, text)
		}
		join(d, "node-1")
		d.session(1)
		Eventually(d.Strangers, "15s").Should(BeZero())
	})

	It("end when they have not proved in time whose they are, wherever they stopped", func() {
		d := open(func(c *agentlink.Config) { c.Patience = 200 * time.Millisecond })
		silent, half := knock(d, ""), knock(d, "\x16\x03\x01\x02\x00\x01\x00\x01")
		shaken := tls.Client(knock(d, ""), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		Expect(shaken.Handshake()).To(Succeed())
		certified := connect(d, enrolled(d, "node-1")) // it never says Hello
		p := join(d, "node-2")
		ends(silent, 5*time.Second)
		ends(half, 5*time.Second)
		ends(shaken, 5*time.Second)
		_, err := certified.Recv()
		Expect(err).To(HaveOccurred())
		Eventually(d.Strangers, "5s").Should(BeZero())
		Consistently(d.session(1).Done(), "300ms").ShouldNot(BeClosed(), "who is known stays")
		Expect(p.CloseSend()).To(Succeed())
	})

	It("give way to later ones, the oldest first", func() {
		d := open(func(c *agentlink.Config) { c.Strangers, c.Patience = 3, hour })
		var all []net.Conn
		for n := range 3 { // they are taken in in any order
			all = append(all, knock(d, ""))
			Eventually(d.Strangers, "5s").Should(Equal(n + 1))
		}
		all = append(all, knock(d, ""))
		ends(all[0], 5*time.Second)
		all = append(all, knock(d, ""))
		ends(all[1], 5*time.Second)
		Expect(d.Strangers()).To(Equal(3))
		Expect(all[2].SetReadDeadline(time.Now().Add(50 * time.Millisecond))).To(Succeed())
		_, err := all[2].Read(make([]byte, 1))
		Expect(err).To(MatchError(ContainSubstring("timeout")))
	})

	It("by the thousand keep no agent out, and leave nothing behind", func() {
		d := open(func(c *agentlink.Config) { c.Patience = hour })
		const thousands = 5000
		conns := make([]net.Conn, thousands)
		var all sync.WaitGroup
		for worker := range 10 {
			all.Go(func() {
				for i := worker; i < thousands; i += 10 {
					conn, err := net.Dial("tcp", d.Addr().String())
					if err == nil {
						conns[i] = conn
					}
				}
			})
		}
		all.Wait()
		Eventually(d.Strangers, "10s").Should(BeNumerically(">", 100))
		Expect(d.Strangers()).To(BeNumerically("<=", 2048))
		began := time.Now()
		join(d, "node-1")
		Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
		Eventually(d.Strangers, "10s").Should(BeZero())
		Consistently(d.session(1).Done(), "50ms").ShouldNot(BeClosed())
	})

	It("do not hold up the end of the server", func() {
		d := open(func(c *agentlink.Config) { c.Patience = hour })
		knock(d, "")
		knock(d, "\x16\x03\x01")
		Eventually(d.Strangers, "5s").Should(Equal(2))
		began := time.Now()
		d.Close()
		Expect(time.Since(began)).To(BeNumerically("<", 2*time.Second))
	})
})
