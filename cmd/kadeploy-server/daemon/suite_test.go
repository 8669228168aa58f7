package daemon_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(role) {
	case "daemon":
		err = beDaemon(os.Getenv(roleDir))
	case "client":
		err = beClient(os.Getenv(roleServer), os.Getenv(roleDir))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func TestDaemon(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	RunSpecs(t, "kadeploy-server daemon")
}

// shared labels specs that leave processes to the ones after them.
const shared = "shared"

var _ = BeforeEach(func() {
	if slices.Contains(CurrentSpecReport().Labels(), shared) {
		return
	}
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines, "5s").ShouldNot(gleak.HaveLeaked(before)) })
})
