package enrol_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("Enrolment", func() {
	var s *site
	ctx := context.Background()
	BeforeEach(func() {
		s = newSite()
		s.overTLS(roomy)
	})

	It("gives a wallet with a key of its own the certificate that its token is worth", func() {
		w := wallet()
		Expect(enrol.Enrol(ctx, s.addr, s.authority.Pin(), s.token(alice), w)).To(Equal(alice))
		Expect(w.Identity()).To(Equal(alice))
		Expect(w.Pin()).To(Equal(s.authority.Pin()))
		Expect(s.log.String()).To(And(ContainSubstring("ka://user/alice"), ContainSubstring("peer=127.0.0.1")))
	})

	It("names nodes, too", func() {
		Expect(enrol.Enrol(ctx, s.addr, s.authority.Pin(), s.token(node1), wallet())).To(Equal(node1))
	})

	It("leaves its files in the wallet's directory, and the key nowhere else", func() {
		dir := filepath.Join(GinkgoT().TempDir(), "wallet")
		w, err := pki.OpenWallet(dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(enrol.Enrol(ctx, s.addr, s.authority.Pin(), s.token(alice), w)).To(Equal(alice))
		info, err := os.Stat(filepath.Join(dir, "key.pem"))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
	})

	It("takes a token once, and says of a used, an expired, a made-up and a forgotten user's token the same", func() {
		used, expired, forgotten := s.token(alice), s.token(alice), s.token(bob)
		Expect(enrol.Enrol(ctx, s.addr, s.authority.Pin(), used, wallet())).To(Equal(alice))
		var texts []string
		try := func(token string) {
			GinkgoHelper()
			w := wallet()
			_, err := enrol.Enrol(ctx, s.addr, s.authority.Pin(), token, w)
			Expect(err).To(MatchError(enrol.ErrRefused))
			Expect(err.Error()).NotTo(ContainSubstring(token))
			_, none := w.Certificate()
			Expect(none).To(MatchError(pki.ErrNoCertificate))
			texts = append(texts, err.Error())
		}
		try(used)
		s.forget(bob)
		try(forgotten)
		s.move(2 * time.Hour)
		try(expired)
		try(strings.Repeat("A", 52))
		for _, text := range texts {
			Expect(text).To(Equal(texts[0]))
		}
		for _, token := range []string{used, expired, forgotten} {
			Expect(s.log.String()).NotTo(ContainSubstring(token))
		}
	})

	It("takes a token once, however many bring it at the same time", func() {
		token := s.token(alice)
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				defer GinkgoRecover()
				if _, err := enrol.Enrol(ctx, s.addr, s.authority.Pin(), token, wallet()); err == nil {
					good.Add(1)
				} else {
					Expect(err).To(MatchError(enrol.ErrRefused))
				}
			})
		}
		wg.Wait()
		Expect(good.Load()).To(BeEquivalentTo(1))
	})

	It("tells the token to nobody but the server of the pin", func() {
		other := newSite()
		token := s.token(alice)
		_, err := enrol.Enrol(ctx, s.addr, other.authority.Pin(), token, wallet())
		Expect(err).To(MatchError(ContainSubstring("not the one of the fingerprint")))
		Expect(enrol.Enrol(ctx, s.addr, s.authority.Pin(), token, wallet())).To(Equal(alice))
	})

	It("refuses a pin that is none, and an address that is none, in one line", func() {
		_, err := enrol.Enrol(ctx, s.addr, "sha256:0", "t", wallet())
		Expect(err).To(MatchError(ContainSubstring("not the fingerprint")))
		_, err = enrol.Enrol(ctx, "nowhere", s.authority.Pin(), "t", wallet())
		Expect(err).To(MatchError(ContainSubstring("missing port")))
	})

	It("keeps the wallet as it was when it fails", func() {
		w := s.certified(alice)
		before, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		_, err = enrol.Enrol(ctx, s.addr, s.authority.Pin(), "no token", w)
		Expect(err).To(MatchError(enrol.ErrRefused))
		after, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Leaf).To(Equal(before.Leaf))
	})
})

var _ = Describe("Renewal", func() {
	var s *site
	var w *pki.Wallet
	ctx := context.Background()
	BeforeEach(func() {
		s = newSite()
		s.overTLS(roomy)
		w = s.certified(alice)
	})

	refused := func(w *pki.Wallet, why string) {
		GinkgoHelper()
		before, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		err = enrol.Renew(ctx, s.addr, w)
		Expect(err).To(MatchError(enrol.ErrRefused))
		Expect(err).To(MatchError(ContainSubstring(why)))
		after, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Leaf).To(Equal(before.Leaf))
	}

	It("replaces the certificate, for the same key and the same user", func() {
		before, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		s.move(time.Minute)
		Expect(enrol.Renew(ctx, s.addr, w)).To(Succeed())
		after, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Leaf.NotAfter).To(BeTemporally(">", before.Leaf.NotAfter))
		Expect(after.Leaf.PublicKey).To(Equal(before.Leaf.PublicKey))
		Expect(w.Identity()).To(Equal(alice))
	})

	It("is refused to the denied", func() {
		Expect(s.authority.Deny(alice, "left in anger")).To(Succeed())
		refused(w, "revoked")
		Expect(s.log.String()).To(ContainSubstring("left in anger"))
	})
	It("is refused to users who are no more", func() {
		s.forget(alice)
		refused(w, "not known here any more")
	})
	It("is refused to nodes", func() { refused(s.certified(node1), "not issued in this way") })
	It("is refused to certificates that are too old", func() {
		s = newSiteAt(time.Now().Add(-8 * 24 * time.Hour))
		w = s.certified(alice)
		s.move(8 * 24 * time.Hour)
		s.overTLS(roomy)
		refused(w, "expired")
	})

	It("is not asked of another server, nor with an empty wallet", func() {
		other := newSite()
		other.overTLS(roomy)
		Expect(enrol.Renew(ctx, other.addr, w)).To(MatchError(ContainSubstring("not the one of the fingerprint")))
		Expect(enrol.Renew(ctx, s.addr, wallet())).To(MatchError(pki.ErrNoCertificate))
	})
})

var _ = Describe("A client", func() {
	ctx := context.Background()

	// hostile answers everything with one text, as a server that has the authority's certificate.
	hostile := func(s *site, status int, text string) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://127.0.0.1:1/")
			w.WriteHeader(status)
			w.Write([]byte(text))
		})
		background(func(ctx context.Context) error {
			return roomy.ServeTLS(ctx, listener, s.authority.ServerTLS(), handler)
		})
		return listener.Addr().String()
	}

	DescribeTable("survives whatever it is answered, with one harmless line", func(status int, text string) {
		s := newSite()
		w := wallet()
		_, err := enrol.Enrol(ctx, hostile(s, status, text), s.authority.Pin(), "token", w)
		Expect(err).To(HaveOccurred())
		Expect(err.Error()).NotTo(MatchRegexp(`[^ -~]`))
		Expect(len(err.Error())).To(BeNumerically("<", 500))
		_, err = w.Certificate()
		Expect(err).To(MatchError(pki.ErrNoCertificate))
	},
		Entry("nothing", 200, ""),
		Entry("another document", 200, "{}"),
		Entry("noise", 200, "\x00\x1b[2J"),
		Entry("a flood", 200, strings.Repeat("a", 1<<20)),
		Entry("a refusal that paints", 403, `{"error":"\u001b[2J\nall is well"}`),
		Entry("a refusal of a megabyte", 403, `{"error":"`+strings.Repeat("a", 1<<20)+`"}`),
		Entry("a long refusal", 403, `{"error":"`+strings.Repeat("é", 5000)+`"}`),
		Entry("a redirection", 307, ""),
	)

	It("does not take another authority from the server of the pin", func() {
		s, other := newSite(), newSite()
		w := other.certified(alice)
		own, err := w.Certificate()
		Expect(err).NotTo(HaveOccurred())
		answer := object(map[string]string{"cert": string(pki.EncodePEM(pki.TypeCertificate, own.Leaf.Raw)), "ca": string(other.authority.PEM())})
		_, err = enrol.Enrol(ctx, hostile(s, 200, answer), s.authority.Pin(), "token", w)
		Expect(err).To(MatchError(ContainSubstring("not the one of the fingerprint")))
	})

	It("does not take somebody else's certificate at a renewal", func() {
		s := newSite()
		w := s.certified(alice)
		der, err := w.CSR()
		Expect(err).NotTo(HaveOccurred())
		text, err := s.authority.Sign(der, bob)
		Expect(err).NotTo(HaveOccurred())
		addr := hostile(s, 200, object(map[string]string{"cert": string(text)}))
		Expect(enrol.Renew(ctx, addr, w)).To(MatchError(ContainSubstring("not for ka://user/alice")))
		Expect(w.Identity()).To(Equal(alice))
	})

	It("ends with its context when nobody answers", func() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer listener.Close()
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err = enrol.Enrol(ctx, listener.Addr().String(), newSite().authority.Pin(), "token", wallet())
		Expect(errors.Is(err, context.DeadlineExceeded)).To(BeTrue())
	})
})
