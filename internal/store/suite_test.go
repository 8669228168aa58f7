package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// TestMain lets this binary be two programs: the suite, and a daemon that writes until it is killed.
func TestMain(m *testing.M) {
	if role := os.Getenv("STORE_ROLE"); role != "" {
		roles[role](os.Getenv("STORE_URL"))
		return
	}
	os.Exit(m.Run())
}

func TestStore(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Store")
}

var ctx = context.Background()

// onBoth describes what holds with either database. What fresh makes is the URL of an empty one.
func onBoth(text string, body func(fresh func() string)) bool {
	return DescribeTableSubtree(text, func(fresh func() string) { body(fresh) },
		Entry("in SQLite", sqliteURL), Entry("in PostgreSQL", postgresURL))
}

func sqliteURL() string { return "sqlite:" + filepath.Join(GinkgoT().TempDir(), "kadeploy.db") }

var schemas atomic.Int64

func postgresURL() string {
	GinkgoHelper()
	url, err := postgres().Create(fmt.Sprintf("test%d", schemas.Add(1)))
	Expect(err).NotTo(HaveOccurred())
	return url
}

// opened is a store that is closed with the spec.
func opened(url string) *store.Store {
	GinkgoHelper()
	s, err := store.Open(ctx, store.Config{URL: url})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	return s
}

// noon is a day in the middle of nowhere; at is a moment so many seconds later.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
