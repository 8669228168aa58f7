package initramfs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/ulikunitz/xz"

	"github.com/kadeploy/kadeploy/internal/initramfs"
)

// compressed is a text as a program for modules writes it.
func compressed(open func(io.Writer) (io.WriteCloser, error), text string) string {
	GinkgoHelper()
	var out bytes.Buffer
	z, err := open(&out)
	Expect(err).NotTo(HaveOccurred())
	_, err = io.WriteString(z, text)
	Expect(err).NotTo(HaveOccurred())
	Expect(z.Close()).To(Succeed())
	return out.String()
}

var _ = Describe("the modules of the kernel", func() {
	var site map[string]string

	BeforeEach(func() {
		site = map[string]string{
			"boot/vmlinuz-6.1.0-9":            "a kernel",
			"boot/vmlinuz-6.1.0-10":           "a newer kernel",
			"boot/vmlinuz-6.2.0":              "the newest kernel, without modules",
			"lib/modules/6.1.0-9/modules.dep": "",
			"lib/modules/6.1.0-10/modules.dep": "kernel/virtio_net.ko.xz: kernel/net_failover.ko.zst kernel/failover.ko.gz\n" +
				"kernel/net_failover.ko.zst: kernel/failover.ko.gz\nkernel/failover.ko.gz:\nkernel/btrfs.ko:\nkernel/blake2b_generic.ko:\nkernel/floppy.ko:\nkernel/my-card.ko:\n",
			"lib/modules/6.1.0-10/modules.alias":              "alias virtio:d00000001v* virtio_net\nalias crypto-blake2b-256 blake2b_generic\nalias floppy* floppy\n",
			"lib/modules/6.1.0-10/modules.softdep":            "# comment\nsoftdep btrfs pre: blake2b-256 crypto-blake2b-256\n",
			"lib/modules/6.1.0-10/modules.builtin":            "kernel/fs/ext4/ext4.ko\n",
			"lib/modules/6.1.0-10/kernel/virtio_net.ko.xz":    compressed(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }, "virtio_net"),
			"lib/modules/6.1.0-10/kernel/net_failover.ko.zst": compressed(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, "net_failover"),
			"lib/modules/6.1.0-10/kernel/failover.ko.gz":      compressed(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, "failover"),
			"lib/modules/6.1.0-10/kernel/btrfs.ko":            "btrfs",
			"lib/modules/6.1.0-10/kernel/blake2b_generic.ko":  "blake2b",
			"lib/modules/6.1.0-10/kernel/floppy.ko":           "floppy",
			"lib/modules/6.1.0-10/kernel/my-card.ko":          "my card",
		}
		for _, name := range initramfs.DefaultToolNames() {
			site["usr/sbin/"+name] = "#!/init\n"
		}
	})

	build := func(c initramfs.Config) (*initramfs.System, error) {
		c.Root, c.Agent = tree(site), static
		return initramfs.Build(context.Background(), c)
	}
	unpacked := func(c initramfs.Config) string {
		GinkgoHelper()
		if os.Geteuid() != 0 {
			Skip("unpacking needs the right to make devices: run as root")
		}
		s, err := build(c)
		Expect(err).NotTo(HaveOccurred())
		return filepath.Join(unpack(initrdOf(s)), "lib/modules/6.1.0-10")
	}

	It("are those of the newest kernel that has any", func() {
		s, err := build(initramfs.Config{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Kernel).To(HaveSuffix("/boot/vmlinuz-6.1.0-10"))
		Expect(s.Report.Version).To(Equal("6.1.0-10"))
	})

	It("come with what they need, decompressed, and with tables of just those", func() {
		dir := unpacked(initramfs.Config{})
		Expect(os.ReadFile(filepath.Join(dir, "modules.dep"))).To(BeEquivalentTo("kernel/blake2b_generic.ko:\nkernel/btrfs.ko:\nkernel/failover.ko:\n" +
			"kernel/net_failover.ko: kernel/failover.ko\nkernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko\n"))
		Expect(os.ReadFile(filepath.Join(dir, "modules.alias"))).To(BeEquivalentTo("alias virtio:d00000001v* virtio_net\nalias crypto-blake2b-256 blake2b_generic\n"))
		for _, name := range []string{"virtio_net", "net_failover", "failover"} {
			Expect(os.ReadFile(filepath.Join(dir, "kernel", name+".ko"))).To(BeEquivalentTo(name))
		}
		Expect(filepath.Join(dir, "kernel/floppy.ko")).NotTo(BeAnExistingFile())
	})

	It("are added by name, with - and _ the same", func() {
		dir := unpacked(initramfs.Config{Extra: []string{"floppy", "my_card", "ext4"}})
		Expect(filepath.Join(dir, "kernel/floppy.ko")).To(BeAnExistingFile())
		Expect(filepath.Join(dir, "kernel/my-card.ko")).To(BeAnExistingFile())
	})

	It("that are usual and not there are said to be left out; built-in ones are there", func() {
		s, err := build(initramfs.Config{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Report.LeftOut[0]).To(And(ContainSubstring(" e1000 "), Not(ContainSubstring("ext4")), Not(ContainSubstring("btrfs"))))
	})

	It("that were asked for by name and are not there are an error", func() {
		_, err := build(initramfs.Config{Extra: []string{"no-such-card"}})
		Expect(err).To(MatchError(ContainSubstring("module no-such-card: kernel 6.1.0-10 has none of that name in ")))
	})

	It("must be those of the kernel", func() {
		root := tree(site)
		_, err := initramfs.Build(context.Background(), initramfs.Config{
			Root: root, Agent: static, Kernel: root + "/boot/vmlinuz-6.1.0-10", Modules: root + "/lib/modules/6.1.0-9",
		})
		Expect(err).To(MatchError(MatchRegexp("vmlinuz-6.1.0-10 is kernel 6.1.0-10, and .* has the modules of 6.1.0-9")))
	})

	It("must be there, or it is said how to get them", func() {
		for name := range site {
			if filepath.Base(name) == "modules.dep" {
				delete(site, name)
			}
		}
		_, err := build(initramfs.Config{})
		Expect(err).To(MatchError(ContainSubstring("none of /boot/vmlinuz-VERSION (there are 3) has its /lib/modules/VERSION/modules.dep; on Debian: apt-get install linux-image-amd64")))
	})
})

var _ = DescribeTable("versions of kernels", func(older, newer string) {
	Expect(initramfs.CompareVersions(older, newer)).To(BeNumerically("<", 0))
	Expect(initramfs.CompareVersions(newer, older)).To(BeNumerically(">", 0))
	Expect(initramfs.CompareVersions(newer, newer)).To(BeZero())
},
	Entry("count", "6.1.0-9-amd64", "6.1.0-10-amd64"),
	Entry("and not the letters", "5.19", "6.1"),
	Entry("unless there is nothing else", "6.1.0-9-amd64", "6.1.0-9-cloud-amd64"),
	Entry("and the longer one is newer", "6.1", "6.1.1"),
)
