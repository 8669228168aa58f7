package lab_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("What the lab needs", func() {
	It("is a list of packages, each once, the kernel and what is measured beside ours too", func() {
		packages := lab.Packages()
		Expect(slices.IsSorted(packages)).To(BeTrue())
		Expect(slices.Compact(slices.Clone(packages))).To(Equal(packages))
		Expect(packages).To(ContainElements("qemu-system-x86", "openipmi", "tftpd-hpa", "linux-image-cloud-amd64"))
	})

	It("is named in one line when it is not there, each package once", func() {
		Expect(lab.Met(true, "sh", "dash", "/bin/sh", "dash")).To(Succeed())
		Expect(lab.Met(false, "sh", "dash", "no-such-program", "b", "/no/such/file", "a", "/no/such/other", "b")).To(MatchError(
			"the lab needs more Debian packages: run `make lab-deps`, or apt-get install a b linux-image-cloud-amd64"))
	})
})
