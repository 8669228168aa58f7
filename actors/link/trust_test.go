package link_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// authorityOf is another authority than the site's.
func authorityOf(c pki.Config) *pki.Authority {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "link-other-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	c.Dir = dir
	a, err := pki.Open(c)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// liar shows a certificate and believes every server.
func liar(own *pki.Wallet) *tls.Config {
	GinkgoHelper()
	cert, err := own.Certificate()
	Expect(err).NotTo(HaveOccurred())
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: []tls.Certificate{*cert}}
}

// expired is liar for a certificate that no wallet keeps any more, of an authority whose clock is late.
func expired(authority *pki.Authority) *tls.Config {
	GinkgoHelper()
	_, key, err := ed25519.GenerateKey(nil)
	Expect(err).NotTo(HaveOccurred())
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	Expect(err).NotTo(HaveOccurred())
	cert, err := authority.Sign(csr, alice)
	Expect(err).NotTo(HaveOccurred())
	block, _ := pem.Decode(cert)
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: key}}}
}

var _ = Describe("Who may speak to actors", Ordered, func() {
	var (
		d *process
		p *peer
	)
	BeforeAll(func() { d = startProcess("server") })
	BeforeEach(func() { p = newPeer(d) })
	AfterEach(func() {
		p.status(d, "alive")
		Expect(d.session).NotTo(gexec.Exit())
		Expect(string(d.session.Out.Contents())).NotTo(ContainSubstring("received"))
	})

	DescribeTable("is nobody who comes", func(config func() *tls.Config) {
		stream, err := dialAs(d, config()).Receive(context.Background())
		if err == nil {
			_ = stream.Send(hello(p.address))
			_, err = stream.Recv()
		}
		Expect(status.Code(err)).To(Equal(codes.Unavailable), "%v", err)
		c := config()
		c.NextProtos = []string{"kadeploy-park/1"}
		conn, err := tls.Dial("tcp", d.port, c)
		if err == nil {
			defer conn.Close()
			_, _ = conn.Write(append([]byte{byte(len(p.address))}, p.address...))
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		Expect(err).To(HaveOccurred(), "a stranger could park")
	},
		Entry("without a certificate", func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }),
		Entry("with a certificate of another authority", func() *tls.Config { return liar(certified(authorityOf(pki.Config{}), alice)) }),
		Entry("with one of another authority that has expired", func() *tls.Config {
			return expired(authorityOf(pki.Config{Now: func() time.Time { return time.Now().Add(-48 * time.Hour) }}))
		}),
		Entry("with one that has expired", func() *tls.Config {
			old, err := pki.Open(pki.Config{Dir: site.dir, Now: func() time.Time { return time.Now().Add(-48 * time.Hour) }})
			Expect(err).NotTo(HaveOccurred())
			return expired(old)
		}),
		Entry("with one that was revoked", func() *tls.Config {
			eve := walletOf(pki.Identity{Kind: pki.KindUser, Name: "eve"})
			id, err := eve.Identity()
			Expect(err).NotTo(HaveOccurred())
			Expect(site.authority.Deny(id, "stolen")).To(Succeed())
			return liar(eve)
		}),
		Entry("as a node", func() *tls.Config { return pki.ClientTLS(walletOf(node1)) }),
		Entry("with an older TLS", func() *tls.Config {
			c := pki.ClientTLS(walletOf(alice))
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return c
		}),
	)

	It("speaks plain HTTP/2 in vain", func() {
		conn, err := net.Dial("tcp", d.port)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() })
		_, err = conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		Expect(err).NotTo(HaveOccurred())
		_, _ = io.Copy(io.Discard, conn) // returns: the server has closed it
	})

	It("is not at another's address: neither to speak from there nor to park there", func() {
		other := newPeer(d, func(o *peer) { o.own = walletOf(bob) })
		stream := other.open(d)
		Expect(stream.Send(hello(p.address))).To(Succeed())
		refused(stream)
		_, err := parkAt(d.port, other.own, p.address)
		Expect(err).To(MatchError(errParking))
		Expect(other.status(d, "bob").GetVersion()).To(HavePrefix("x-identity=ka://user/bob "))
	})

	It("parks a connection or two at an address, and no more", func() {
		second := p.park(d)
		defer second.Close() // nobody answers there
		_, err := parkAt(d.port, p.own, p.address)
		Expect(err).To(MatchError(errParking))
	})

	DescribeTable("parks nothing at", func(address string) {
		_, err := parkAt(d.port, p.own, address)
		Expect(err).To(HaveOccurred())
	},
		Entry("the daemon's address", daemon),
		Entry("no address", ""),
		Entry("an address of the network", "127.0.0.1:22"),
		Entry("a long one", strings.Repeat("a", 255)),
	)

	It("loses its connections at once when it is expelled", func() {
		out := newPeer(d, func(o *peer) { o.own = walletOf(carol) })
		stream, idle := out.connect(d), out.park(d)
		other := newPeer(d, func(o *peer) { o.own = walletOf(bob) })
		kept := other.connect(d)
		_ = idle.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err := fmt.Fprintln(d.stdin, "expel carol")
		Expect(err).NotTo(HaveOccurred())
		_, err = stream.Recv()
		Expect(status.Code(err)).To(Equal(codes.Unavailable), "%v", err)
		_, err = idle.Read(make([]byte, 1))
		Expect(err).To(MatchError(io.EOF))
		Expect(kept.Send(batched(other.request(daemon, "kept")))).To(Succeed())
		Eventually(other.received).Should(Receive())
	})

	It("asks for what is no message on the same port, as itself or as nobody", func() {
		for config, says := range map[*tls.Config]string{
			pki.ClientTLS(p.own): "ka://user/alice <nil>", {InsecureSkipVerify: true}: "nobody",
		} {
			c := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			answer, err := c.Get("https://" + d.port + "/")
			Expect(err).NotTo(HaveOccurred())
			body, err := io.ReadAll(answer.Body)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Body.Close()).To(Succeed())
			Expect(strings.TrimSpace(string(body))).To(Equal(says))
		}
	})

	It("waits when it floods, and others do not", func() {
		flooder := newPeer(d)
		stream := flooder.connect(d)
		flooding := make(chan error, 1)
		b := flooder.request(daemon, "flood")
		for range 63 {
			b.Envelopes = append(b.Envelopes, b.Envelopes[0])
		}
		go func() {
			var err error
			for range 1000 { // 64,000 messages
				if err = stream.Send(batched(b)); err != nil {
					break
				}
			}
			flooding <- err
		}()
		over := make(chan struct{})
		DeferCleanup(func() { close(over) })
		go func() { // the answers must not be what slows it down
			for {
				select {
				case <-flooder.received:
				case <-over:
					return
				}
			}
		}()
		other := newPeer(d, func(o *peer) { o.own = walletOf(bob) })
		for range 5 {
			begin := time.Now()
			other.status(d, "meanwhile")
			Expect(time.Since(begin)).To(BeNumerically("<", 5*time.Second))
		}
		Consistently(flooding).ShouldNot(Receive())
	})
})

var _ = Describe("After thousands of connections", func() {
	It("a process has as many goroutines as before", func() {
		d := startProcess("hasty")
		p := newPeer(d)
		p.status(d, "before")
		count := func() (n int) {
			GinkgoHelper()
			_, err := fmt.Fprintln(d.stdin, "goroutines")
			Expect(err).NotTo(HaveOccurred())
			Eventually(d.session.Out).Should(gbytes.Say(`\d+ goroutines\n`))
			lines := bufio.NewScanner(strings.NewReader(string(d.session.Out.Contents())))
			for lines.Scan() {
				_, _ = fmt.Sscanf(lines.Text(), "%d goroutines", &n)
			}
			return n
		}
		before := count()
		var open []net.Conn
		for i := range 3000 {
			conn, err := net.Dial("tcp", d.port)
			Expect(err).NotTo(HaveOccurred(), "connection %d", i)
			open = append(open, conn)
		}
		newPeer(d).status(d, "behind the crowd") // they have a second each to say something
		for _, conn := range open {
			_ = conn.Close()
		}
		Eventually(count).Should(BeNumerically("<=", before+20))
	})
})

var _ = Describe("A client", func() {
	start := func(server string, own pki.Credentials) error {
		GinkgoHelper()
		door, err := link.Knock(context.Background(), link.ClientConfig{Server: server, Policy: link.ClientPolicy("inbox"), Own: own})
		if err != nil {
			return err
		}
		l, err := door.Start(actor.NewActorSystem())
		if err == nil {
			l.Close()
		}
		return err
	}

	It("speaks to no server of another authority", func() {
		other := authorityOf(pki.Config{})
		hostile, err := tls.Listen("tcp", "127.0.0.1:0", other.ServerTLS())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(hostile.Close)
		go func() {
			for {
				c, err := hostile.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		Expect(start(hostile.Addr().String(), walletOf(alice))).To(MatchError(ContainSubstring("authority")))
	})

	It("speaks to no server that shows a user's certificate", func() {
		hostile, err := tls.Listen("tcp", "127.0.0.1:0", liar(walletOf(bob)))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(hostile.Close)
		go func() {
			if c, err := hostile.Accept(); err == nil {
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		Expect(start(hostile.Addr().String(), walletOf(alice))).NotTo(Succeed())
	})
})
