package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// shake lets two ends of a connection meet, each of which says a byte to the other, and tells what each thinks of it.
func shake(server, client *tls.Config) (atServer tls.ConnectionState, serverErr, clientErr error) {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var raw net.Conn
		if raw, serverErr = listener.Accept(); serverErr != nil {
			return
		}
		conn := tls.Server(raw, server)
		defer conn.Close()
		serverErr = chat(conn)
		atServer = conn.ConnectionState()
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	conn := tls.Client(raw, client)
	clientErr = chat(conn)
	conn.Close()
	<-done
	return atServer, serverErr, clientErr
}

func chat(conn *tls.Conn) error {
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, err := conn.Write([]byte{1})
	var b [1]byte
	_, readErr := io.ReadFull(conn, b[:])
	return errors.Join(err, readErr)
}

var _ = Describe("A connection", func() {
	var a, foreign *pki.Authority
	var now *clock
	BeforeEach(func() {
		now = newClock()
		a = open(GinkgoT().TempDir(), now)
		foreign = open(GinkgoT().TempDir(), now)
	})

	Context("to the daemon", func() {
		It("proves both ends, with TLS 1.3", func() {
			state, serverErr, clientErr := shake(a.ServerTLS(), pki.ClientTLS(certified(a, alice)))
			Expect(errors.Join(serverErr, clientErr)).To(Succeed())
			Expect(pki.Of(state.PeerCertificates[0])).To(Equal(alice))
			Expect(state.Version).To(BeEquivalentTo(tls.VersionTLS13))
		})

		It("is refused to TLS 1.2", func() {
			client := pki.ClientTLS(certified(a, alice))
			client.MinVersion, client.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			_, serverErr, clientErr := shake(a.ServerTLS(), client)
			Expect(serverErr).To(HaveOccurred())
			Expect(clientErr).To(HaveOccurred())
		})

		It("lets in who shows no certificate, as nobody", func() {
			client, err := pki.PinnedTLS(a.Pin())
			Expect(err).NotTo(HaveOccurred())
			state, serverErr, clientErr := shake(a.ServerTLS(), client)
			Expect(errors.Join(serverErr, clientErr)).To(Succeed())
			Expect(state.PeerCertificates).To(BeEmpty())
		})

		DescribeTable("is refused", func(wallet func() *pki.Wallet) {
			w := wallet()
			client := pki.ClientTLS(w)
			client.VerifyConnection = nil // so that only the server has an opinion
			_, serverErr, clientErr := shake(a.ServerTLS(), client)
			Expect(serverErr).To(HaveOccurred())
			Expect(clientErr).To(HaveOccurred())
		},
			Entry("to another authority's user", func() *pki.Wallet { return certified(foreign, alice) }),
			Entry("to the expired", func() *pki.Wallet { w := certified(a, alice); now.move(13 * time.Hour); return w }),
			Entry("to the denied", func() *pki.Wallet { w := certified(a, alice); Expect(a.Deny(alice, "")).To(Succeed()); return w }),
			Entry("to who means to show a certificate and has none", func() *pki.Wallet { return wallet("") }),
		)

		It("is refused to the denied at the next handshake, too: there are no tickets", func() {
			client := pki.ClientTLS(certified(a, alice))
			client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
			server := a.ServerTLS()
			_, serverErr, clientErr := shake(server, client)
			Expect(errors.Join(serverErr, clientErr)).To(Succeed())
			Expect(a.Deny(alice, "")).To(Succeed())
			_, serverErr, _ = shake(server, client)
			Expect(serverErr).To(MatchError(pki.ErrDenied))
		})

		It("uses a renewed certificate at once", func() {
			w := certified(a, alice)
			client, server := pki.ClientTLS(w), a.ServerTLS()
			Expect(a.Deny(alice, "")).To(Succeed())
			text, err := a.Sign(csr(w), alice)
			Expect(err).NotTo(HaveOccurred())
			Expect(w.Store(text, nil)).To(Succeed())
			_, serverErr, clientErr := shake(server, client)
			Expect(errors.Join(serverErr, clientErr)).To(Succeed())
		})
	})

	Context("from a client", func() {
		DescribeTable("ends when the other is not the daemon of its authority", func(server func() *tls.Config, want string) {
			_, _, clientErr := shake(server(), pki.ClientTLS(certified(a, alice)))
			Expect(clientErr).To(MatchError(ContainSubstring(want)))
		},
			Entry("but of another", func() *tls.Config { return foreign.ServerTLS() }, "not of this authority"),
			Entry("but another user", func() *tls.Config { return pretender(certified(a, bob)) }, "is ka://user/bob, and must be ka://daemon"),
			Entry("but a node", func() *tls.Config { return pretender(certified(a, node1)) }, "is ka://node/node-1.demo, and must be ka://daemon"),
		)
	})

	It("from a client ends when the daemon's certificate has expired", func() {
		now.move(-48 * time.Hour)
		old := open(GinkgoT().TempDir(), now)
		_, _, clientErr := shake(old.ServerTLS(), pki.ClientTLS(certified(old, alice)))
		Expect(clientErr).To(MatchError(pki.ErrExpired))
	})

	Context("from who has but the pin", func() {
		It("is to the daemon of that authority and to nobody else", func() {
			client, err := pki.PinnedTLS(foreign.Pin())
			Expect(err).NotTo(HaveOccurred())
			_, serverErr, clientErr := shake(a.ServerTLS(), client)
			Expect(clientErr).To(MatchError(ContainSubstring("not the one of the fingerprint")))
			Expect(serverErr).To(HaveOccurred())
		})

		It("is not to a user who shows the authority's certificate", func() {
			client, err := pki.PinnedTLS(a.Pin())
			Expect(err).NotTo(HaveOccurred())
			own, err := certified(a, bob).Certificate()
			Expect(err).NotTo(HaveOccurred())
			own.Certificate = append(own.Certificate, parse(a.PEM()).Raw)
			_, _, clientErr := shake(&tls.Config{Certificates: []tls.Certificate{*own}}, client)
			Expect(clientErr).To(MatchError(ContainSubstring("must be ka://daemon")))
		})

		It("is not to another daemon that shows the authority's certificate beside its own", func() {
			client, err := pki.PinnedTLS(a.Pin())
			Expect(err).NotTo(HaveOccurred())
			own, err := foreign.Server(nil)(nil)
			Expect(err).NotTo(HaveOccurred())
			chain := &tls.Certificate{Certificate: append([][]byte{own.Leaf.Raw}, parse(a.PEM()).Raw), PrivateKey: own.PrivateKey}
			_, _, clientErr := shake(&tls.Config{Certificates: []tls.Certificate{*chain}}, client)
			Expect(clientErr).To(MatchError(pki.ErrForeign))
		})

		DescribeTable("is none, when the pin is none", func(pin string) {
			_, err := pki.PinnedTLS(pin)
			Expect(err).To(MatchError(ContainSubstring("not the fingerprint of a server")))
		},
			Entry("empty", ""),
			Entry("another hash", "sha1:00"),
			Entry("too short", "sha256:00"),
			Entry("upper case", "sha256:"+strings.Repeat("AB", 32)),
		)
	})

	Context("from the daemon to a program's port", func() {
		It("proves both ends", func() {
			_, serverErr, clientErr := shake(pki.ServerTLS(certified(a, alice)), a.ClientTLS(alice))
			Expect(errors.Join(serverErr, clientErr)).To(Succeed())
		})

		It("ends when it is another's port, or a denied one's", func() {
			_, _, clientErr := shake(pki.ServerTLS(certified(a, bob)), a.ClientTLS(alice))
			Expect(clientErr).To(MatchError(ContainSubstring("is ka://user/bob, and must be ka://user/alice")))
			denied := pki.ServerTLS(certified(a, alice))
			Expect(a.Deny(alice, "")).To(Succeed())
			_, _, clientErr = shake(denied, a.ClientTLS(alice))
			Expect(clientErr).To(MatchError(pki.ErrDenied))
		})

		It("is refused to everybody else", func() {
			port := pki.ServerTLS(certified(a, alice))
			for _, caller := range []*tls.Config{foreign.ClientTLS(alice), pki.ClientTLS(certified(a, bob)), pki.ClientTLS(certified(a, alice)), {}} {
				caller.InsecureSkipVerify, caller.VerifyConnection = true, nil
				_, serverErr, _ := shake(port, caller)
				Expect(serverErr).To(HaveOccurred())
			}
		})
	})

	Context("shows a certificate of the server", func() {
		It("that is the same until half of its life is over", func() {
			get := a.Server([]string{"ka.example.org", "192.0.2.1"})
			first, err := get(nil)
			Expect(err).NotTo(HaveOccurred())
			now.move(11 * time.Hour)
			Expect(get(nil)).To(BeIdenticalTo(first))
			now.move(2 * time.Hour)
			second, err := get(nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(second.PrivateKey).NotTo(Equal(first.PrivateKey))
			Expect(a.Verify([]*x509.Certificate{second.Leaf}, now.Now())).To(Equal(pki.Daemon()))
			Expect(second.Leaf.DNSNames).To(ConsistOf("ka.example.org"))
			Expect(second.Leaf.IPAddresses).To(HaveLen(1))
		})
	})
})

// pretender is a server with the certificate of somebody else.
func pretender(w *pki.Wallet) *tls.Config {
	GinkgoHelper()
	own, err := w.Certificate()
	Expect(err).NotTo(HaveOccurred())
	return &tls.Config{Certificates: []tls.Certificate{*own}}
}
