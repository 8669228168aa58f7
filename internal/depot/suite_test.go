package depot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/internal/depot"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DEPOT_VICTIM"); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	RunSpecs(t, "depot")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines, "10s").ShouldNot(gleak.HaveLeaked(before)) })
})

var ctx = context.Background()

// clock is a time that moves when it is told, or a second at each look.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func opened(c depot.Config) *depot.Depot {
	GinkgoHelper()
	if c.Dir == "" {
		c.Dir = GinkgoT().TempDir()
	}
	d, err := depot.Open(c)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = d.Close() })
	return d
}

// content is n bytes that no other seed has.
func content(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func sum(b []byte) depot.Digest { return sha256.Sum256(b) }

// put uploads all of it at once.
func put(d *depot.Depot, owner string, b []byte) error {
	have, err := d.Append(ctx, owner, sum(b), int64(len(b)), 0, bytes.NewReader(b))
	if err == nil && have != int64(len(b)) {
		err = errors.New("not complete, and no error")
	}
	return err
}

func has(d *depot.Depot, owner string, b []byte) bool {
	GinkgoHelper()
	have, complete, err := d.Status(ctx, owner, sum(b))
	Expect(err).NotTo(HaveOccurred())
	if complete {
		Expect(have).To(Equal(int64(len(b))))
	}
	return complete
}

// there is what the depot has of an upload.
func there(d *depot.Depot, owner string, b []byte) int64 {
	GinkgoHelper()
	have, _, err := d.Status(ctx, owner, sum(b))
	Expect(err).NotTo(HaveOccurred())
	return have
}

// stored are the names of all files below a directory but the lock.
func stored(dir string) []string {
	GinkgoHelper()
	var all []string
	Expect(filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "lock" {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	})).To(Succeed())
	return all
}

var errCut = errors.New("cut")

// cut gives the first n bytes, then an error.
func cut(b []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(b[:n]), failing{})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }

func bytesFrom(b []byte, at int64) io.Reader { return bytes.NewReader(b[at:]) }
