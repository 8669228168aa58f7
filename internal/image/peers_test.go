//go:build peers

package image_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/image"
)

// With the tag peers, the tools that others use must be installed: here GNU tar, gzip, bzip2, xz and zstd.
var _ = Describe("An image made by GNU tar", func() {
	var tree string
	BeforeEach(func() {
		tree = GinkgoT().TempDir()
		Expect(os.MkdirAll(filepath.Join(tree, "boot"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(tree, "boot/vmlinuz-1"), []byte(strings.Repeat("kernel", 1000)), 0o644)).To(Succeed())
		Expect(os.Symlink("boot/vmlinuz-1", filepath.Join(tree, "vmlinuz"))).To(Succeed())
		Expect(os.Link(filepath.Join(tree, "boot/vmlinuz-1"), filepath.Join(tree, "boot/again"))).To(Succeed())
		long := filepath.Join(tree, strings.Repeat("long-name/", 9))
		Expect(os.MkdirAll(long, 0o755)).To(Succeed())
		hole, err := os.Create(filepath.Join(tree, "hole"))
		Expect(err).NotTo(HaveOccurred())
		Expect(hole.Truncate(64 << 20)).To(Succeed())
		_, err = hole.WriteAt([]byte("end"), 40<<20)
		Expect(err).NotTo(HaveOccurred())
		Expect(hole.Close()).To(Succeed())
	})

	DescribeTable("is found good and gives its kernel",
		func(compression string, flags ...string) {
			path := filepath.Join(GinkgoT().TempDir(), "image")
			out, err := exec.Command("tar", append(flags, "-Scf", path, "-C", tree, ".")...).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(out))
			img, err := catalogue(nil).Prepare(background(), tarImage(path, compression), nil)
			Expect(err).NotTo(HaveOccurred())
			into := GinkgoT().TempDir()
			for _, name := range []string{"/vmlinuz", "/boot/again"} {
				files, err := image.ExtractBoot(background(), img, name, "", "", into)
				Expect(err).NotTo(HaveOccurred())
				Expect(os.ReadFile(filepath.Join(into, files.Kernel))).To(HaveLen(6000))
			}

			By("and is found truncated when its end is cut off")
			info, err := os.Stat(path)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.Truncate(path, info.Size()/2)).To(Succeed())
			_, err = catalogue(nil).Prepare(background(), tarImage(path, compression), nil)
			Expect(err).To(MatchError(MatchRegexp("is (truncated|corrupt)")))
		},
		Entry("plain, POSIX", "none", "--format=posix"),
		Entry("plain, GNU", "none", "--format=gnu"),
		Entry("gzip", "gzip", "-z"),
		Entry("bzip2", "bzip2", "-j"),
		Entry("xz", "xz", "-J"),
		Entry("zstd", "zstd", "--zstd"),
	)
})
