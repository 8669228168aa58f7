package rooted_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

var _ = Describe("A name in a system below a root", func() {
	var root *os.Root

	BeforeEach(func() {
		dir := GinkgoT().TempDir()
		var err error
		root, err = os.OpenRoot(dir)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(root.Close)
		Expect(os.MkdirAll(filepath.Join(dir, "boot"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "boot/vmlinuz-6.1"), []byte("kernel"), 0o644)).To(Succeed())
		for name, to := range map[string]string{
			"vmlinuz": "boot/vmlinuz", "boot/vmlinuz": "vmlinuz-6.1", "abs": "/boot/vmlinuz-6.1", "up": "../../../boot/vmlinuz-6.1",
			"dangling": "/boot/nothing", "circle": "circle", "d": "/boot", "etc": "/usr/etc",
		} {
			Expect(os.Symlink(to, filepath.Join(dir, name))).To(Succeed())
		}
	})

	DescribeTable("leads to the file that the system itself would find",
		func(name string) {
			at, err := rooted.Resolve(root, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(at).To(Equal("boot/vmlinuz-6.1"))
			info, err := rooted.Stat(root, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Size()).To(Equal(int64(6)))
		},
		Entry("by its plain name", "/boot/vmlinuz-6.1"),
		Entry("by relative links", "/vmlinuz"),
		Entry("by an absolute link", "abs"),
		Entry("by .. above the root", "/up"),
		Entry("by a link to its directory", "/d/vmlinuz-6.1"),
		Entry("by .. in the name", "/boot/../../boot/vmlinuz-6.1"),
	)

	It("says that a file does not exist", func() {
		_, err := rooted.Stat(root, "/dangling")
		Expect(err).To(MatchError(os.ErrNotExist))
		_, err = rooted.Stat(root, "/etc/passwd")
		Expect(err).To(MatchError(os.ErrNotExist), "the host has one, the system does not")
	})

	It("names one that does not exist yet, but not below a directory that does not", func() {
		Expect(rooted.Resolve(root, "/dangling")).To(Equal("boot/nothing"))
		_, err := rooted.Resolve(root, "/no/such")
		Expect(err).To(MatchError(os.ErrNotExist))
	})

	It("gives up on a circle of links", func() {
		_, err := rooted.Resolve(root, "/circle")
		Expect(err).To(MatchError(ContainSubstring("circle")))
	})
})
