package ipmi_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

func TestIPMI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "IPMI")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).WithTimeout(5 * 1e9).ShouldNot(gleak.HaveLeaked(before)) })
})
