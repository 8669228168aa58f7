package initramfs_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/initramfs"
)

var _ = Describe("the deployment system", func() {
	It("is the same bytes each time it is built", func() {
		first := packOf(here())
		GinkgoT().Setenv("SOURCE_DATE_EPOCH", "12345") // of GRUB's images, too
		Expect(bytes.Equal(packOf(here()), first)).To(BeTrue())
	})

	It("has programs that start in it, with their libraries", func() {
		if os.Geteuid() != 0 {
			Skip("chroot needs root")
		}
		dir := unpackCPIO(packOf(here()))
		programs := map[string]bool{"sh": true}
		for _, name := range initramfs.DefaultToolNames() {
			if _, err := exec.LookPath(name); err == nil {
				programs[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(programs)) {
			out, err := exec.Command("chroot", dir, "/bin/sh", "-c", name+" --help </dev/null 2>&1 || :").CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(string(out)).NotTo(Or(ContainSubstring("shared libraries"), ContainSubstring("not found")), name)
			Expect(out).NotTo(BeEmpty(), name)
		}
		out, err := exec.Command("chroot", dir, "/init").CombinedOutput()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(out)).To(Equal("the agent\n"))
	})

	It("has the boot loaders that the agent writes to disks", func() {
		if _, err := os.Stat("/usr/lib/grub/i386-pc/normal.mod"); err != nil {
			Skip("GRUB's modules are not installed (packages grub-pc-bin, grub-efi-amd64-bin)")
		}
		s := here()
		for _, name := range []string{"boot.img", "core.img", "BOOTX64.EFI"} {
			Expect(s.Tree.Has("/usr/lib/kadeploy/grub/"+name)).To(BeTrue(), name)
		}
	})

	It("names the packages of the programs that are missing", func() {
		root := tree(map[string]string{"boot/vmlinuz-6.1": "kernel", "lib/modules/6.1/modules.dep": "", "usr/sbin/fdisk": "#!/init\n", "usr/sbin/mkswap": "#!/init\n"})
		_, err := initramfs.Build(context.Background(), initramfs.Config{Agent: static, Root: root})
		Expect(err).To(MatchError(And(
			HavePrefix("programs that a deployment needs are not on this machine: sfdisk partx wipefs blkid blockdev mke2fs "),
			HaveSuffix("; on Debian: apt-get install e2fsprogs fdisk util-linux"))))
	})

	DescribeTable("refuses an agent that cannot be process 1", func(agent func() string, why string) {
		root := tree(map[string]string{"boot/vmlinuz-6.1": "kernel", "lib/modules/6.1/modules.dep": ""})
		_, err := initramfs.Build(context.Background(), initramfs.Config{Agent: agent(), Root: root})
		Expect(err).To(MatchError(ContainSubstring(why)))
	},
		Entry("that is not there", func() string { return "/no/such/agent" }, "the agent: open /no/such/agent: no such file"),
		Entry("that is no program", func() string { return "/etc/passwd" }, "/etc/passwd is not a program"),
		Entry("that wants libraries", func() string { return tool("cpio") }, "is not static; build it with CGO_ENABLED=0"),
	)

	It("takes public keys, and no private ones", func() {
		dir := GinkgoT().TempDir()
		private := filepath.Join(dir, "key")
		Expect(exec.Command(tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", private).Run()).To(Succeed())
		keys, err := initramfs.ReadKeys(private + ".pub")
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Fields(string(keys))[0]).To(Equal("ssh-ed25519"))
		_, err = initramfs.ReadKeys(private)
		Expect(err).To(MatchError(ContainSubstring("is a private key: give the public one")))
		_, err = initramfs.ReadKeys("/etc/passwd")
		Expect(err).To(MatchError("/etc/passwd: there is no public key in it"))
	})
})
