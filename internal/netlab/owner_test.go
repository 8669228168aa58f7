package netlab_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

var _ = Describe("A lab whose process has ended", func() {
	It("is abandoned, whether or not somebody has waited for that process", func() {
		owner := exec.Command("cat")
		hold, err := owner.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(owner.Start()).To(Succeed())
		DeferCleanup(owner.Wait)
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", owner.Process.Pid))
		Expect(err).NotTo(HaveOccurred())
		name := fmt.Sprintf("netlab-%d-%s-1", owner.Process.Pid, strings.Fields(string(stat))[21])
		Expect(netlab.Abandoned(name)).To(BeFalse())
		Expect(netlab.Abandoned(name + "0")).To(BeFalse())

		Expect(hold.Close()).To(Succeed())
		Eventually(netlab.Abandoned, "10s").WithArguments(name).Should(BeTrue())
	})
})
