package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("A certificate", func() {
	var a *pki.Authority
	var now *clock
	BeforeEach(func() {
		now = newClock()
		a = open(GinkgoT().TempDir(), now)
	})

	sign := func(der []byte, id pki.Identity) *x509.Certificate {
		GinkgoHelper()
		text, err := a.Sign(der, id)
		Expect(err).NotTo(HaveOccurred())
		return parse(text)
	}

	DescribeTable("says who its holder is, for hours, to both ends of a connection", func(id pki.Identity, life time.Duration) {
		cert := sign(csr(wallet("")), id)
		Expect(pki.Of(cert)).To(Equal(id))
		Expect(cert.NotAfter).To(BeTemporally("~", now.Now().Add(life), time.Second))
		Expect(cert.NotBefore).To(BeTemporally("~", now.Now().Add(-5*time.Minute), time.Second))
		Expect(cert.ExtKeyUsage).To(ConsistOf(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth))
		Expect(cert.IsCA).To(BeFalse())
		Expect(cert.Subject.String()).To(BeEmpty())
		Expect(a.Verify([]*x509.Certificate{cert}, now.Now())).To(Equal(id))
	},
		Entry("a user's", alice, 12*time.Hour),
		Entry("a node's", node1, 6*time.Hour),
	)

	It("takes nothing from the request but the key", func() {
		evil, _ := url.Parse("ka://daemon")
		key := p256()
		cert := sign(request(&x509.CertificateRequest{
			Subject:        pkix.Name{CommonName: "root", Organization: []string{"admins"}},
			DNSNames:       []string{"ka.example.org"},
			EmailAddresses: []string{"root@example.org"},
			IPAddresses:    []net.IP{net.IPv4(127, 0, 0, 1)},
			URIs:           []*url.URL{evil},
			ExtraExtensions: []pkix.Extension{
				{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}}, // is an authority
			},
		}, key), alice)
		Expect(pki.Of(cert)).To(Equal(alice))
		Expect(cert.Subject.String()).To(BeEmpty())
		Expect(cert.DNSNames).To(BeEmpty())
		Expect(cert.EmailAddresses).To(BeEmpty())
		Expect(cert.IPAddresses).To(BeEmpty())
		Expect(cert.IsCA).To(BeFalse())
		Expect(cert.PublicKey.(*ecdsa.PublicKey).Equal(key.Public())).To(BeTrue())
	})

	It("may be of an Ed25519 key", func() {
		Expect(pki.Of(sign(request(&x509.CertificateRequest{}, ed()), alice))).To(Equal(alice))
	})

	Context("is refused", func() {
		refused := func(der []byte, id pki.Identity, want error) {
			GinkgoHelper()
			_, err := a.Sign(der, id)
			Expect(err).To(MatchError(want))
		}

		It("for keys of other kinds", func() {
			weak, err := rsa.GenerateKey(rand.Reader, 2048)
			Expect(err).NotTo(HaveOccurred())
			p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			Expect(err).NotTo(HaveOccurred())
			refused(request(&x509.CertificateRequest{}, weak), alice, pki.ErrRequest)
			refused(request(&x509.CertificateRequest{}, p384), alice, pki.ErrRequest)
		})

		It("for a request that its key has not signed", func() {
			der := csr(wallet(""))
			der[len(der)-1] ^= 1
			refused(der, alice, pki.ErrRequest)
		})

		It("for noise, nothing and too much", func() {
			refused(nil, alice, pki.ErrRequest)
			refused([]byte("noise"), alice, pki.ErrRequest)
			refused(make([]byte, 1<<20), alice, pki.ErrRequest)
		})

		It("for the daemon, nobody and names that are none", func() {
			der := csr(wallet(""))
			refused(der, pki.Daemon(), pki.ErrKind)
			refused(der, pki.Identity{}, pki.ErrKind)
			_, err := a.Sign(der, pki.Identity{Kind: pki.KindUser, Name: "a/b"})
			Expect(err).To(HaveOccurred())
		})
	})

	Context("is good, or not:", func() {
		verify := func(cert *x509.Certificate) error {
			_, err := a.Verify([]*x509.Certificate{cert}, now.Now())
			return err
		}

		It("not after its end", func() {
			cert := leaf(certified(a, alice))
			now.move(12*time.Hour - time.Minute)
			Expect(verify(cert)).To(Succeed())
			now.move(2 * time.Minute)
			Expect(verify(cert)).To(MatchError(pki.ErrExpired))
		})

		It("not before its beginning", func() {
			cert := leaf(certified(a, alice))
			now.move(-time.Hour)
			Expect(verify(cert)).To(MatchError(pki.ErrExpired))
		})

		It("not of another authority, although it says the same", func() {
			other := open(GinkgoT().TempDir(), now)
			Expect(verify(leaf(certified(other, alice)))).To(MatchError(pki.ErrForeign))
		})

		It("not signed by a user, although the user's is of this authority", func() {
			w := certified(a, alice)
			own, err := w.Certificate()
			Expect(err).NotTo(HaveOccurred())
			uri, _ := url.Parse("ka://user/bob")
			der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
				SerialNumber: big.NewInt(1), NotBefore: now.Now(), NotAfter: now.Now().Add(time.Hour), URIs: []*url.URL{uri},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
			}, own.Leaf, p256().Public(), own.PrivateKey)
			Expect(err).NotTo(HaveOccurred())
			forged, err := x509.ParseCertificate(der)
			Expect(err).NotTo(HaveOccurred())
			_, err = a.Verify([]*x509.Certificate{forged, own.Leaf}, now.Now())
			Expect(err).To(MatchError(pki.ErrForeign))
		})

		It("not the authority's own, and not none", func() {
			Expect(verify(parse(a.PEM()))).To(MatchError(pki.ErrForeign))
			_, err := a.Verify(nil, now.Now())
			Expect(err).To(MatchError(pki.ErrForeign))
		})
	})

	DescribeTable("is good only with one identity, for both ends", func(change func(*x509.Certificate), good bool) {
		dir := GinkgoT().TempDir()
		a := open(dir, now)
		block, _ := pem.Decode([]byte(content(dir, "ca.key")))
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		uri, _ := url.Parse(alice.String())
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: now.Now().Add(-time.Minute), NotAfter: now.Now().Add(time.Hour), URIs: []*url.URL{uri},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, parse(a.PEM()), p256().Public(), key)
		Expect(err).NotTo(HaveOccurred())
		cert, err := x509.ParseCertificate(der)
		Expect(err).NotTo(HaveOccurred())
		_, err = a.Verify([]*x509.Certificate{cert}, now.Now())
		if good {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(pki.ErrForeign))
		}
	},
		Entry("as it is issued: good", func(*x509.Certificate) {}, true),
		Entry("no URI", func(c *x509.Certificate) { c.URIs = nil }, false),
		Entry("two URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }, false),
		Entry("only a name", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"alice"} }, false),
		Entry("for clients only", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }, false),
		Entry("for servers only", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }, false),
		Entry("for nothing named", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, false),
	)
})
