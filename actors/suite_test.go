package actors_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/actors"
)

func TestActors(t *testing.T) {
	actors.SuiteT = t
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	SetDefaultConsistentlyDuration(100 * time.Millisecond)
	RunSpecs(t, "Actors")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	// A dead letter makes the library sleep for a second, to write no more than a few a second to its log. (The compiler may
	// have put that into the function that makes the dead letters' actor.)
	throttle := gleak.IgnoringInBacktrace("NewThrottle.func")
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before, throttle)) })
})

var _ = AfterSuite(gexec.CleanupBuildArtifacts)
