package pki_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("An authority", func() {
	var dir string
	var now *clock
	BeforeEach(func() {
		dir = filepath.Join(GinkgoT().TempDir(), "authority")
		now = newClock()
	})

	refused := func() error {
		GinkgoHelper()
		_, err := pki.Open(pki.Config{Dir: dir, Now: now.Now})
		Expect(err).To(HaveOccurred())
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
		Expect(err.Error()).NotTo(ContainSubstring("BEGIN"))
		return err
	}

	Context("when its directory is opened for the first time", func() {
		It("makes a key that only its owner can read, and leaves nothing else", func() {
			open(dir, now)
			Expect(names(dir)).To(ConsistOf("ca.pem", "ca.key"))
			Expect(mode(dir, ".")).To(BeEquivalentTo(0o700))
			Expect(mode(dir, "ca.key")).To(BeEquivalentTo(0o600))
			Expect(mode(dir, "ca.pem")).To(BeEquivalentTo(0o644))
		})

		It("certifies itself for ten years, with a key of P-256, to certify nobody who certifies others", func() {
			ca := parse(open(dir, now).PEM())
			Expect(ca.NotAfter).To(BeTemporally("~", now.Now().AddDate(10, 0, 0), 4*24*time.Hour))
			Expect(ca.PublicKeyAlgorithm).To(Equal(x509.ECDSA))
			Expect(ca.IsCA).To(BeTrue())
			Expect(ca.MaxPathLenZero).To(BeTrue())
			Expect(ca.KeyUsage).To(Equal(x509.KeyUsageCertSign))
		})

		It("is known by the hash of its public key", func() {
			a := open(dir, now)
			sum := sha256.Sum256(parse(a.PEM()).RawSubjectPublicKeyInfo)
			Expect(a.Pin()).To(Equal("sha256:" + hex.EncodeToString(sum[:])))
			Expect(pki.CheckPin(a.Pin())).To(Succeed())
		})
	})

	It("is the same when it is opened again", func() {
		Expect(open(dir, now).PEM()).To(Equal(open(dir, now).PEM()))
	})

	It("is one, even when many open an empty directory at once", func() {
		var wg sync.WaitGroup
		all := make([]*pki.Authority, 16)
		for i := range all {
			wg.Go(func() {
				defer GinkgoRecover()
				all[i] = open(dir, now)
			})
		}
		wg.Wait()
		for _, a := range all {
			Expect(a.PEM()).To(Equal(all[0].PEM()))
			_, err := all[0].Verify([]*x509.Certificate{leaf(certified(a, alice))}, now.Now())
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(names(dir)).To(ConsistOf("ca.pem", "ca.key"))
	})

	Context("when whoever made it was killed", func() {
		It("before the key was in its place, starts over", func() {
			open(dir, now)
			Expect(os.Rename(filepath.Join(dir, "ca.key"), filepath.Join(dir, "ca.key.ABCD.tmp"))).To(Succeed())
			Expect(os.Remove(filepath.Join(dir, "ca.pem"))).To(Succeed())
			write(dir, "ca.pem.ABCD.tmp", "hal", 0o600)
			open(dir, now)
			Expect(names(dir)).To(ContainElements("ca.pem", "ca.key"))
		})

		It("between the key and the certificate, goes on with the key", func() {
			pin := open(dir, now).Pin()
			Expect(os.Remove(filepath.Join(dir, "ca.pem"))).To(Succeed())
			Expect(open(dir, now).Pin()).To(Equal(pin))
		})

		It("removes what that one left, an hour later", func() {
			open(dir, now)
			write(dir, "ca.key.OLD.tmp", "left", 0o600)
			write(dir, "ca.key.NEW.tmp", "another's, at work", 0o600)
			old := time.Now().Add(-2 * time.Hour)
			Expect(os.Chtimes(filepath.Join(dir, "ca.key.OLD.tmp"), old, old)).To(Succeed())
			open(dir, now)
			Expect(names(dir)).To(ConsistOf("ca.pem", "ca.key", "ca.key.NEW.tmp"))
		})
	})

	Context("refuses, in one line,", func() {
		BeforeEach(func() { open(dir, now) })

		DescribeTable("a key file that others may use", func(mode os.FileMode) {
			Expect(os.Chmod(filepath.Join(dir, "ca.key"), mode)).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("chmod 600 " + filepath.Join(dir, "ca.key"))))
		},
			Entry("the group reads", os.FileMode(0o640)),
			Entry("others read", os.FileMode(0o604)),
			Entry("the group writes", os.FileMode(0o620)),
		)

		It("a directory that others may write to", func() {
			Expect(os.Chmod(dir, 0o770)).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("chmod 755 " + dir)))
		})

		It("a certificate that others may write to", func() {
			Expect(os.Chmod(filepath.Join(dir, "ca.pem"), 0o666)).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("chmod 644")))
		})

		It("a key that is not the certificate's", func() {
			other := GinkgoT().TempDir()
			open(other, now)
			write(dir, "ca.key", content(other, "ca.key"), 0o600)
			Expect(refused()).To(MatchError(ContainSubstring("is not the key of ca.pem")))
		})

		It("a certificate whose key is gone", func() {
			Expect(os.Remove(filepath.Join(dir, "ca.key"))).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("ca.key is missing although ca.pem is there")))
			Expect(names(dir)).To(ConsistOf("ca.pem"))
		})

		It("a certificate that is not an authority's", func() {
			text, err := open(dir, now).Sign(csr(wallet("")), alice)
			Expect(err).NotTo(HaveOccurred())
			write(dir, "ca.pem", string(text), 0o644)
			Expect(refused()).To(MatchError(ContainSubstring("is not the certificate of an authority")))
		})

		It("an authority that has expired", func() {
			now.move(11 * 365 * 24 * time.Hour)
			Expect(refused()).To(MatchError(ContainSubstring("ca.pem has expired")))
		})

		DescribeTable("garbage", func(name, text string) {
			write(dir, name, text, 0o600)
			Expect(refused()).To(MatchError(ContainSubstring(filepath.Join(dir, name))))
		},
			Entry("an empty key", "ca.key", ""),
			Entry("a key of noise", "ca.key", "\x00\xff\x00"),
			Entry("a key of another type", "ca.key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
			Entry("a key that is none", "ca.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
			Entry("an empty certificate", "ca.pem", ""),
			Entry("a certificate that is none", "ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
			Entry("a huge certificate", "ca.pem", strings.Repeat("A", 9<<20)),
			Entry("a deny list of noise", "denied.json", "noise"),
			Entry("a deny list of nothing", "denied.json", "null"),
			Entry("a deny list of two", "denied.json", "{}{}"),
			Entry("a deny list of strangers", "denied.json", `{"ka://admin/x":{"at":"2026-01-01T00:00:00Z","why":""}}`),
			Entry("a deny list of unknown fields", "denied.json", `{"ka://user/x":{"at":"2026-01-01T00:00:00Z","who":""}}`),
		)

		It("a key that is a pipe or a directory", func() {
			Expect(os.Remove(filepath.Join(dir, "ca.key"))).To(Succeed())
			Expect(os.Mkdir(filepath.Join(dir, "ca.key"), 0o700)).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("is not a regular file")))
			Expect(os.Remove(filepath.Join(dir, "ca.key"))).To(Succeed())
			Expect(syscall.Mkfifo(filepath.Join(dir, "ca.key"), 0o600)).To(Succeed())
			Expect(refused()).To(MatchError(ContainSubstring("is not a regular file")))
		})

		It("lives that are none", func() {
			for _, c := range []pki.Config{{UserLife: -1}, {NodeLife: time.Millisecond}, {ServerLife: 1e6 * time.Hour}, {RenewGrace: -time.Hour}} {
				c.Dir = dir
				_, err := pki.Open(c)
				Expect(err).To(MatchError(ContainSubstring("want a second to 400 days")))
			}
		})
	})

	It("does not follow links out of its directory", func() {
		open(dir, now)
		outside := filepath.Join(filepath.Dir(dir), "outside")
		Expect(os.Rename(filepath.Join(dir, "ca.key"), outside)).To(Succeed())
		Expect(os.Symlink(outside, filepath.Join(dir, "ca.key"))).To(Succeed())
		refused()
	})

})
