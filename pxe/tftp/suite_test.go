package tftp_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

func TestTFTP(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "tftp")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() {
		Eventually(gleak.Goroutines, "10s").ShouldNot(gleak.HaveLeaked(before))
	})
})
