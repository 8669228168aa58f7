package pki_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("Renewal", func() {
	var a *pki.Authority
	var now *clock
	var w *pki.Wallet
	BeforeEach(func() {
		now = newClock()
		a = open(GinkgoT().TempDir(), now)
		w = certified(a, alice)
	})

	It("gives the same user another certificate for the same key", func() {
		old := leaf(w)
		now.move(8 * time.Hour)
		text, err := a.Renew(old.Raw, csr(w))
		Expect(err).NotTo(HaveOccurred())
		Expect(w.Store(text, nil)).To(Succeed())
		Expect(pki.Of(leaf(w))).To(Equal(alice))
		Expect(leaf(w).NotAfter).To(BeTemporally("~", now.Now().Add(12*time.Hour), time.Second))
		Expect(a.Renewable(old.Raw)).To(Equal(alice))
	})

	It("is for certificates that expired within the last 7 days", func() {
		now.move(12*time.Hour + 7*24*time.Hour - time.Minute)
		_, err := a.Renew(leaf(w).Raw, csr(w))
		Expect(err).NotTo(HaveOccurred())
		now.move(2 * time.Minute)
		_, err = a.Renew(leaf(w).Raw, csr(w))
		Expect(err).To(MatchError(pki.ErrExpired))
	})

	It("is not for another key", func() {
		_, err := a.Renew(leaf(w).Raw, csr(wallet("")))
		Expect(err).To(MatchError(pki.ErrKey))
		_, err = a.Renew(leaf(w).Raw, request(&x509.CertificateRequest{}, ed()))
		Expect(err).To(MatchError(pki.ErrKey))
	})

	It("is not for who does not have the key", func() {
		der := csr(w)
		der[len(der)-1] ^= 1
		_, err := a.Renew(leaf(w).Raw, der)
		Expect(err).To(MatchError(pki.ErrRequest))
	})

	It("is not for nodes", func() {
		n := certified(a, node1)
		_, err := a.Renew(leaf(n).Raw, csr(n))
		Expect(err).To(MatchError(pki.ErrKind))
	})

	It("is not for the daemon", func() {
		server, err := a.Server(nil)(nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = a.Renew(server.Leaf.Raw, request(&x509.CertificateRequest{}, server.PrivateKey))
		Expect(err).To(MatchError(pki.ErrKind))
	})

	It("is not for certificates of another authority, expired or not", func() {
		foreign := certified(open(GinkgoT().TempDir(), now), alice)
		_, err := a.Renew(leaf(foreign).Raw, csr(foreign))
		Expect(err).To(MatchError(pki.ErrForeign))
		now.move(13 * time.Hour)
		_, err = a.Renew(leaf(foreign).Raw, csr(foreign))
		Expect(err).To(MatchError(pki.ErrForeign))
	})

	It("is not for the denied, also not within the grace", func() {
		Expect(a.Deny(alice, "left")).To(Succeed())
		_, err := a.Renew(leaf(w).Raw, csr(w))
		Expect(err).To(MatchError(pki.ErrDenied))
		now.move(24 * time.Hour)
		_, err = a.Renew(leaf(w).Raw, csr(w))
		Expect(err).To(MatchError(pki.ErrDenied))
	})

	It("is not for noise, nothing and too much", func() {
		for _, der := range [][]byte{nil, []byte("noise"), make([]byte, 1<<20)} {
			_, err := a.Renew(der, csr(w))
			Expect(err).To(MatchError(pki.ErrForeign))
		}
	})
})

var _ = Describe("The deny list", func() {
	var a *pki.Authority
	var dir string
	var now *clock
	BeforeEach(func() {
		now = newClock()
		dir = GinkgoT().TempDir()
		a = open(dir, now)
	})

	good := func(a *pki.Authority, cert *x509.Certificate) error {
		_, err := a.Verify([]*x509.Certificate{cert}, now.Now())
		return err
	}

	It("refuses the certificates issued before, in the same instant even, and none that come later", func() {
		before := leaf(certified(a, alice))
		Expect(a.Deny(alice, "laptop stolen")).To(Succeed())
		after := leaf(certified(a, alice))
		Expect(good(a, before)).To(MatchError(pki.ErrDenied))
		Expect(good(a, before)).To(MatchError(ContainSubstring("laptop stolen")))
		Expect(good(a, after)).To(Succeed())
	})

	It("concerns nobody else", func() {
		others := []*x509.Certificate{leaf(certified(a, bob)), leaf(certified(a, pki.Identity{Kind: pki.KindNode, Name: "alice"}))}
		Expect(a.Deny(alice, "")).To(Succeed())
		for _, cert := range others {
			Expect(good(a, cert)).To(Succeed())
		}
	})

	It("is kept, for its owner only to read, and known to whoever has the directory open", func() {
		cert := leaf(certified(a, alice))
		another := open(dir, now)
		Expect(good(another, cert)).To(Succeed())
		Expect(a.Deny(alice, "left")).To(Succeed())
		Expect(good(another, cert)).To(MatchError(pki.ErrDenied))
		Expect(good(open(dir, now), cert)).To(MatchError(pki.ErrDenied))
		Expect(mode(dir, "denied.json")).To(BeEquivalentTo(0o600))
	})

	It("lets the denied back in although the clock was set back", func() {
		Expect(a.Deny(alice, "left")).To(Succeed())
		now.move(-time.Hour)
		again := open(dir, now)
		Expect(good(again, leaf(certified(again, alice)))).To(Succeed())
		Expect(good(again, leaf(certified(again, bob)))).To(Succeed())
	})

	It("refuses what was issued before the clock was set back", func() {
		cert := leaf(certified(a, alice))
		now.move(-time.Minute)
		Expect(a.Deny(alice, "")).To(Succeed())
		Expect(good(a, cert)).To(MatchError(pki.ErrDenied))
	})

	It("lets nobody slip through who renews at the same moment", func() {
		both := [2]*pki.Authority{}
		for i := range both {
			var err error
			both[i], err = pki.Open(pki.Config{Dir: dir})
			Expect(err).NotTo(HaveOccurred())
		}
		for range 50 {
			w := certified(both[0], alice)
			old, der := leaf(w).Raw, csr(w)
			var renewed []byte
			var wg sync.WaitGroup
			wg.Go(func() { renewed, _ = both[0].Renew(old, der) })
			wg.Go(func() {
				defer GinkgoRecover()
				Expect(both[1].Deny(alice, "")).To(Succeed())
			})
			wg.Wait()
			if renewed != nil {
				_, err := both[0].Verify([]*x509.Certificate{parse(renewed)}, time.Now())
				Expect(err).To(MatchError(pki.ErrDenied))
			}
		}
	})

	It("drops whom no certificate is left of", func() {
		Expect(a.Deny(alice, "long ago")).To(Succeed())
		now.move(24*time.Hour + 7*24*time.Hour - time.Hour)
		Expect(a.Deny(bob, "")).To(Succeed())
		Expect(content(dir, "denied.json")).To(ContainSubstring("alice"))
		now.move(2 * time.Hour)
		Expect(a.Deny(bob, "")).To(Succeed())
		Expect(content(dir, "denied.json")).NotTo(ContainSubstring("alice"))
	})

	It("takes neither the daemon nor what is no line", func() {
		Expect(a.Deny(pki.Daemon(), "")).To(MatchError(pki.ErrKind))
		Expect(a.Deny(pki.Identity{}, "")).To(HaveOccurred())
		Expect(a.Deny(alice, "two\nlines")).To(HaveOccurred())
		Expect(a.Deny(alice, strings.Repeat("a", 201))).To(HaveOccurred())
		Expect(names(dir)).NotTo(ContainElement("denied.json"))
	})

	It("refuses everybody when it cannot be read", func() {
		cert := leaf(certified(a, alice))
		write(dir, "denied.json", "noise", 0o600)
		Expect(good(a, cert)).To(MatchError(ContainSubstring("is not what this program writes there")))
		_, err := a.Sign(csr(wallet("")), alice)
		Expect(err).To(HaveOccurred())
		Expect(os.Remove(filepath.Join(dir, "denied.json"))).To(Succeed())
		Expect(good(a, cert)).To(Succeed())
	})

	It("loses nobody when several processes write to it", func() {
		var wg sync.WaitGroup
		users := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for _, name := range users {
			one := open(dir, now)
			wg.Go(func() {
				defer GinkgoRecover()
				Expect(one.Deny(pki.Identity{Kind: pki.KindUser, Name: name}, "")).To(Succeed())
			})
		}
		wg.Wait()
		for _, name := range users {
			Expect(content(dir, "denied.json")).To(ContainSubstring("ka://user/" + name + `"`))
		}
		Expect(names(dir)).To(ConsistOf("ca.pem", "ca.key", "denied.json"))
	})
})
