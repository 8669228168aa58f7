package enrol_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "enrol")
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

// notes is a log to look at.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// site is a server: its authority, its tokens, its users, its door. Its clock is set by hand.
type site struct {
	authority *pki.Authority
	tokens    *pki.Tokens
	config    enrol.Config
	log       *notes
	addr      string

	mu    sync.Mutex
	now   time.Time
	known map[pki.Identity]bool
}

func newSite() *site { return newSiteAt(time.Now()) }

func newSiteAt(now time.Time) *site {
	GinkgoHelper()
	s := &site{log: &notes{}, now: now, known: map[pki.Identity]bool{alice: true, bob: true, node1: true}}
	dir := GinkgoT().TempDir()
	var err error
	s.authority, err = pki.Open(pki.Config{Dir: dir, Now: s.clock})
	Expect(err).NotTo(HaveOccurred())
	s.tokens, err = pki.OpenTokens(pki.TokensConfig{Dir: dir, Now: s.clock})
	Expect(err).NotTo(HaveOccurred())
	s.config = enrol.Config{Authority: s.authority, Tokens: s.tokens, Known: s.knows, Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: s.clock}
	return s
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) move(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) knows(id pki.Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[id]
}

func (s *site) forget(id pki.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, id)
}

func (s *site) token(id pki.Identity) string {
	GinkgoHelper()
	text, err := s.tokens.New(id, time.Hour)
	Expect(err).NotTo(HaveOccurred())
	return text
}

var small = enrol.Limits{Time: 300 * time.Millisecond, Most: 6, MostOfOne: 4}

// roomy is for specs of anything but limits, on a machine that may be slow.
var roomy = enrol.Limits{Time: 10 * time.Second, Most: 64, MostOfOne: 64}

// overTLS opens the door to the network.
func (s *site) overTLS(l enrol.Limits) {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	s.addr = listener.Addr().String()
	handler := enrol.Handler(s.config)
	background(func(ctx context.Context) error { return l.ServeTLS(ctx, listener, s.authority.ServerTLS(), handler) })
}

// overSocket opens the door on the machine.
func (s *site) overSocket(l enrol.Limits) (path string) {
	GinkgoHelper()
	path = filepath.Join(socketDir(), "run", "socket")
	handler := enrol.Handler(s.config)
	background(func(ctx context.Context) error { return l.ServeUnix(ctx, path, handler) })
	Eventually(func() error { _, err := os.Stat(path); return err }, "5s").Should(Succeed())
	return path
}

// socketDir has a short path that everybody may go through.
func socketDir() string {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "ka")
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Chmod(dir, 0o755)).To(Succeed())
	DeferCleanup(os.RemoveAll, dir)
	return dir
}

// background serves until the spec is over, and wants no error.
func background(serve func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		Eventually(done, "10s").Should(Receive(BeNil()))
	})
	DeferCleanup(stop)
	return stop
}

func wallet() *pki.Wallet {
	GinkgoHelper()
	w, err := pki.OpenWallet("")
	Expect(err).NotTo(HaveOccurred())
	return w
}

func (s *site) certified(id pki.Identity) *pki.Wallet {
	GinkgoHelper()
	w := wallet()
	Expect(w.NewKey()).To(Succeed())
	der, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	text, err := s.authority.Sign(der, id)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Store(text, s.authority.PEM())).To(Succeed())
	return w
}
