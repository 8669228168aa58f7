package pki_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("A wallet", func() {
	var a *pki.Authority
	var dir string
	BeforeEach(func() {
		a = open(GinkgoT().TempDir(), newClock())
		dir = filepath.Join(GinkgoT().TempDir(), "kadeploy", "ka.example.org")
	})

	reopened := func() *pki.Wallet {
		GinkgoHelper()
		w, err := pki.OpenWallet(dir)
		Expect(err).NotTo(HaveOccurred())
		return w
	}
	sign := func(w *pki.Wallet, id pki.Identity) []byte {
		GinkgoHelper()
		text, err := a.Sign(csr(w), id)
		Expect(err).NotTo(HaveOccurred())
		return text
	}
	filled := func() *pki.Wallet {
		GinkgoHelper()
		w := wallet(dir)
		Expect(w.Store(sign(w, alice), a.PEM())).To(Succeed())
		return w
	}

	It("keeps its key for its owner, and what others may know for others", func() {
		filled()
		Expect(names(dir)).To(ConsistOf("key.pem", "cert.pem", "ca.pem"))
		Expect(mode(dir, ".")).To(BeEquivalentTo(0o700))
		Expect(mode(dir, "key.pem")).To(BeEquivalentTo(0o600))
		Expect(mode(dir, "cert.pem")).To(BeEquivalentTo(0o644))
		Expect(content(dir, "cert.pem")).NotTo(ContainSubstring("KEY"))
	})

	It("is the same when it is opened again", func() {
		before := leaf(filled())
		w := reopened()
		Expect(w.NewKey()).To(Succeed())
		Expect(leaf(w)).To(Equal(before))
		Expect(w.Identity()).To(Equal(alice))
		Expect(w.Pin()).To(Equal(a.Pin()))
	})

	It("has one key, however many make it at once", func() {
		var wg sync.WaitGroup
		keys := make([]any, 8)
		for i := range keys {
			wg.Go(func() {
				defer GinkgoRecover()
				request, err := x509.ParseCertificateRequest(csr(wallet(dir)))
				Expect(err).NotTo(HaveOccurred())
				keys[i] = request.PublicKey
			})
		}
		wg.Wait()
		for _, key := range keys {
			Expect(key).To(Equal(keys[0]))
		}
		Expect(names(dir)).To(ConsistOf("key.pem"))
	})

	It("uses what another process stored", func() {
		w, other := filled(), reopened()
		Expect(other.Store(sign(other, alice), nil)).To(Succeed())
		Expect(leaf(w)).To(Equal(leaf(other)))
	})

	It("asks for renewal when half of the certificate's life is over, or there is none", func() {
		Expect(wallet(dir).NeedsRenewal(time.Now())).To(BeTrue())
		w := filled()
		Expect(w.NeedsRenewal(time.Now().Add(5 * time.Hour))).To(BeFalse())
		Expect(w.NeedsRenewal(time.Now().Add(7 * time.Hour))).To(BeTrue())
	})

	It("says nothing in a request but its key", func() {
		request, err := x509.ParseCertificateRequest(csr(wallet(dir)))
		Expect(err).NotTo(HaveOccurred())
		Expect(request.Subject.String()).To(BeEmpty())
		Expect(request.Extensions).To(BeEmpty())
	})

	It("is emptied, and then has another key", func() {
		w := filled()
		before := content(dir, "key.pem")
		Expect(w.Clear()).To(Succeed())
		Expect(names(dir)).To(ConsistOf("ca.pem"))
		_, err := w.Certificate()
		Expect(err).To(MatchError(pki.ErrNoCertificate))
		Expect(w.NewKey()).To(Succeed())
		Expect(content(dir, "key.pem")).NotTo(Equal(before))
	})

	DescribeTable("refuses a key that others may read", func(mode os.FileMode) {
		filled()
		Expect(os.Chmod(filepath.Join(dir, "key.pem"), mode)).To(Succeed())
		_, err := pki.OpenWallet(dir)
		Expect(err).To(MatchError(ContainSubstring("chmod 600 " + filepath.Join(dir, "key.pem"))))
	},
		Entry("the group", os.FileMode(0o640)),
		Entry("others", os.FileMode(0o604)),
	)

	DescribeTable("refuses a key that is none", func(text string) {
		filled()
		write(dir, "key.pem", text, 0o600)
		_, err := pki.OpenWallet(dir)
		Expect(err).To(MatchError(ContainSubstring("restore it or remove it")))
	},
		Entry("noise", "noise"),
		Entry("nothing", ""),
	)

	Context("stores nothing", func() {
		var w *pki.Wallet
		var before string
		BeforeEach(func() {
			w = filled()
			before = content(dir, "cert.pem") + content(dir, "ca.pem")
		})
		refused := func(cert, ca []byte) {
			GinkgoHelper()
			Expect(w.Store(cert, ca)).NotTo(Succeed())
			Expect(content(dir, "cert.pem") + content(dir, "ca.pem")).To(Equal(before))
		}

		It("that is for another key", func() { refused(sign(wallet(""), alice), a.PEM()) })
		It("that is of another authority", func() {
			refused(sign(w, alice), open(GinkgoT().TempDir(), newClock()).PEM())
			other, err := open(GinkgoT().TempDir(), newClock()).Sign(csr(w), alice)
			Expect(err).NotTo(HaveOccurred())
			refused(other, nil)
		})
		It("that is no certificate, or more than one", func() {
			cert := sign(w, alice)
			refused([]byte("noise"), a.PEM())
			refused(cert, []byte("noise"))
			refused(cert, cert)
			refused(append(cert, cert...), a.PEM())
			refused(append([]byte("words\n"), cert...), a.PEM())
		})
	})

	DescribeTable("has no certificate, but opens, after somebody was killed between two files or wrote garbage", func(name, text string) {
		filled()
		if text == "another's" {
			text = string(open(GinkgoT().TempDir(), newClock()).PEM())
		}
		write(dir, name, text, 0o644)
		w := reopened()
		_, err := w.Certificate()
		Expect(err).To(MatchError(pki.ErrNoCertificate))
		Expect(w.NeedsRenewal(time.Now())).To(BeTrue())
		Expect(w.Store(sign(w, alice), a.PEM())).To(Succeed())
		Expect(w.Identity()).To(Equal(alice))
	},
		Entry("another authority", "ca.pem", "another's"),
		Entry("half of an authority", "ca.pem", "-----BEGIN CERT"),
		Entry("half of a certificate", "cert.pem", "-----BEGIN CERT"),
		Entry("a certificate that is none", "cert.pem", "another's"),
	)

	Context("without a directory", func() {
		It("does the same in memory, and leaves no file", func() {
			w, err := pki.OpenWallet("")
			Expect(err).NotTo(HaveOccurred())
			_, err = w.CSR()
			Expect(err).To(HaveOccurred())
			Expect(w.NewKey()).To(Succeed())
			Expect(w.Store(sign(w, alice), a.PEM())).To(Succeed())
			Expect(w.Identity()).To(Equal(alice))
			Expect(w.NeedsRenewal(time.Now())).To(BeFalse())
			Expect(w.Clear()).To(Succeed())
			_, err = w.Certificate()
			Expect(err).To(MatchError(pki.ErrNoCertificate))
		})
	})
})
