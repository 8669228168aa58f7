package link_test

import (
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

// TestMain is also the process that the specs attack: the library starts once per process, and what it may not survive must
// not take the specs with it.
func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		serve(os.Getenv(role))
		return
	}
	os.Exit(m.Run())
}

func TestLink(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	SetDefaultConsistentlyDuration(100 * time.Millisecond)
	RunSpecs(t, "Link")
}

// The process of an ordered container outlives its specs, so that leaks are looked for at the end.
var _ = BeforeSuite(func() {
	openSite()
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
})
