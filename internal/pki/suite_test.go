package pki_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/internal/pki"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "pki")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines, "5s").ShouldNot(gleak.HaveLeaked(before)) })
})

var (
	alice = pki.Identity{Kind: pki.KindUser, Name: "alice"}
	bob   = pki.Identity{Kind: pki.KindUser, Name: "bob"}
	node1 = pki.Identity{Kind: pki.KindNode, Name: "node-1.demo"}
)

// clock is set by hand. It starts at the true time, because TLS clients look at that.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func open(dir string, c *clock) *pki.Authority {
	GinkgoHelper()
	a, err := pki.Open(pki.Config{Dir: dir, Now: c.Now})
	Expect(err).NotTo(HaveOccurred())
	return a
}

func wallet(dir string) *pki.Wallet {
	GinkgoHelper()
	w, err := pki.OpenWallet(dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.NewKey()).To(Succeed())
	return w
}

func csr(w *pki.Wallet) []byte {
	GinkgoHelper()
	der, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	return der
}

// certified is a wallet in memory with a certificate.
func certified(a *pki.Authority, id pki.Identity) *pki.Wallet {
	GinkgoHelper()
	w := wallet("")
	text, err := a.Sign(csr(w), id)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Store(text, a.PEM())).To(Succeed())
	return w
}

// leaf is the certificate of a wallet.
func leaf(w *pki.Wallet) *x509.Certificate {
	GinkgoHelper()
	c, err := w.Certificate()
	Expect(err).NotTo(HaveOccurred())
	return c.Leaf
}

func parse(text []byte) *x509.Certificate {
	GinkgoHelper()
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	Expect(err).NotTo(HaveOccurred())
	return cert
}

func p256() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func request(template *x509.CertificateRequest, key any) []byte {
	GinkgoHelper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	Expect(err).NotTo(HaveOccurred())
	return der
}

func ed() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func mode(dir, name string) os.FileMode {
	GinkgoHelper()
	info, err := os.Stat(filepath.Join(dir, name))
	Expect(err).NotTo(HaveOccurred())
	return info.Mode().Perm()
}

func names(dir string) (all []string) {
	GinkgoHelper()
	entries, err := os.ReadDir(dir)
	Expect(err).NotTo(HaveOccurred())
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func write(dir, name, text string, mode os.FileMode) {
	GinkgoHelper()
	path := filepath.Join(dir, name)
	Expect(os.WriteFile(path, []byte(text), mode)).To(Succeed())
	Expect(os.Chmod(path, mode)).To(Succeed())
}

func content(dir, name string) string {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	Expect(err).NotTo(HaveOccurred())
	return string(data)
}
