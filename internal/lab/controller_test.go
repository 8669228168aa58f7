package lab_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("The chassis program of a BMC", func() {
	var dir string

	BeforeEach(func() { dir = GinkgoT().TempDir() })

	call := func(f lab.Fault, args ...string) (string, error) {
		var out strings.Builder
		err := lab.CallChassis(dir, f, &out, args...)
		return out.String(), err
	}

	It("answers ipmi_sim's questions, one line each", func() {
		Expect(call(lab.Healthy, "0x20", "get", "power", "boot")).To(Equal("power:0\nboot:none\n"))
	})

	It("remembers the next start's device, and calls the disk as ipmi_sim does", func() {
		Expect(call(lab.Healthy, "set", "boot", `"default"`)).To(BeEmpty())
		Expect(call(lab.Healthy, "get", "boot")).To(Equal("boot:default\n"))
	})

	It("does nothing when it lies, and says that it did", func() {
		Expect(call(lab.Lie, "set", "power", `"1"`)).To(BeEmpty())
		Expect(call(lab.Lie, "get", "power")).To(Equal("power:1\n"))
		Expect(os.ReadFile(filepath.Join(dir, "chassis.log"))).To(HaveSuffix(" ipmi on: claimed, not done\n"))
		Expect(call(lab.Healthy, "get", "power")).To(Equal("power:0\n"))
	})

	It("fails when it refuses", func() {
		_, err := call(lab.Refuse, "set", "reset", `"1"`)
		Expect(err).To(MatchError("the chassis refuses"))
	})

	It("fails to reset, and nothing else, when that is what it refuses", func() {
		_, err := call(lab.RefuseReset, "set", "reset", `"1"`)
		Expect(err).To(MatchError("the chassis refuses"))
		Expect(call(lab.RefuseReset, "set", "power", `"0"`)).To(BeEmpty())
		Expect(os.ReadFile(filepath.Join(dir, "chassis.log"))).To(MatchRegexp(`(?s)ipmi reset: refused\n.* ipmi off: ok\n$`))
	})
})
