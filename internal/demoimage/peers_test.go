//go:build peers

package demoimage_test

import (
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// With the tag peers, the tools that others use must be installed: here GNU tar, gzip and zstd.
var _ = Describe("GNU tar", func() {
	DescribeTable("lists the demonstration's system", func(suffix string) {
		path := filepath.Join(GinkgoT().TempDir(), "debian"+suffix)
		_, _, err := demoimage.Make(path, "")
		Expect(err).NotTo(HaveOccurred())
		out, err := exec.Command("tar", "--numeric-owner", "-tvf", path).Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(string(out), "\n")).To(BeNumerically(">", 300))
		Expect(string(out)).To(And(
			MatchRegexp(`(?m)^-rwsr-xr-x 0/0 .* usr/bin/sudo$`),
			MatchRegexp(`(?m)^drwxrwxrwt 0/0 .* tmp/$`),
			MatchRegexp(`(?m)^hrwxr-xr-x .* usr/bin/gunzip link to usr/bin/gzip$`),
			MatchRegexp(`(?m)^l.* vmlinuz -> boot/vmlinuz-6.12.0-demo$`),
		))
	}, Entry("zstd", ".tar.zst"), Entry("gzip", ".tar.gz"), Entry("plain", ".tar"))
})
