package command_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

// TestMain is also the command itself, talking to a server that never ends anything, for the specs that need a real process.
func TestMain(m *testing.M) {
	if os.Getenv("KADEPLOY_TEST_PROCESS") != "" {
		os.Exit(processMain())
	}
	os.Exit(m.Run())
}

func TestCommand(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kadeploy command")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
})
