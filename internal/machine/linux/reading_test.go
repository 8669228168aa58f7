package linux_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("Reading a disk", func() {
	// file is an empty disk; what a tool of the distribution makes of it is the witness.
	file := func(size int64, tool string, args ...string) string {
		GinkgoHelper()
		if _, err := exec.LookPath(tool); err != nil {
			Skip("needs " + tool)
		}
		name := filepath.Join(GinkgoT().TempDir(), "disk")
		Expect(os.WriteFile(name, nil, 0o600)).To(Succeed())
		Expect(os.Truncate(name, size)).To(Succeed())
		out, err := exec.Command(tool, append(args, name)...).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		return name
	}

	DescribeTable("tells file systems, their labels and UUIDs apart, as libblkid does",
		func(want, tool string, args ...string) {
			name := file(400<<20, tool, args...)
			kind, label, uuid, err := linux.SignatureOf(name)
			Expect(err).NotTo(HaveOccurred())
			Expect(kind).To(Equal(want))
			Expect(label).To(Equal("KA-1"))
			known, err := exec.Command("blkid", "-p", "-s", "UUID", "-o", "value", name).Output()
			Expect(err).NotTo(HaveOccurred())
			Expect(uuid).To(Equal(strings.TrimSpace(string(known))))
		},
		Entry(nil, "ext2", "mkfs.ext2", "-q", "-L", "KA-1"), Entry(nil, "ext3", "mkfs.ext3", "-q", "-L", "KA-1"),
		Entry(nil, "ext4", "mkfs.ext4", "-q", "-L", "KA-1"), Entry(nil, "xfs", "mkfs.xfs", "-q", "-L", "KA-1"),
		Entry(nil, "btrfs", "mkfs.btrfs", "-q", "-L", "KA-1"), Entry(nil, "swap", "mkswap", "-L", "KA-1"),
		Entry("FAT32", "vfat", "mkfs.vfat", "-F", "32", "-n", "KA-1"), Entry("FAT16", "vfat", "mkfs.vfat", "-F", "16", "-n", "KA-1"),
	)

	It("finds nothing in nothing, however short it is", func() {
		for _, size := range []int{0, 1, 511, 4096, 68 << 10} {
			Expect(linux.ReadSignature(make([]byte, size))).To(BeEmpty())
		}
	})

	DescribeTable("knows where GRUB's core image goes",
		func(layout string, wantAt, wantRoom int, problem string) {
			name := file(100<<20, "sh", "-c", fmt.Sprintf("printf '%s' | sfdisk -q \"$0\"", layout))
			json, err := exec.Command("sfdisk", "--json", name).Output()
			Expect(err).NotTo(HaveOccurred())
			at, room, err := linux.CoreRoom(string(json), name)
			if problem != "" {
				Expect(err).To(MatchError(ContainSubstring(problem)))
				return
			}
			Expect(err).NotTo(HaveOccurred())
			Expect([]int64{at, room}).To(Equal([]int64{int64(wantAt), int64(wantRoom)}))
		},
		Entry("before the first partition", `label: dos\n2048,\n`, 512, 1<<20-512, ""),
		Entry("before the first partition on the disk, whatever its number", `label: dos\n20480,2048\n63,1000\n`, 512, 62*512, ""),
		Entry("in a BIOS boot partition", `label: gpt\n,10M\n,2M,21686148-6449-6E6F-744E-656564454649\n`, 11<<20, 2<<20, ""),
		Entry("nowhere without one", `label: gpt\n,10M\n`, 0, 0, "without a BIOS boot partition"),
		Entry("nowhere on an empty disk", `label: dos\n`, 0, 0, "has no partition"),
	)

	It("reads what is mounted, blanks and file systems without a device number included", func() {
		numbers, dir, source, err := linux.MountOf(`36 35 98:1 /mnt1 /a\040b rw,noatime master:1 - ext3 /dev/root\040x rw,errors=continue`)
		Expect(err).NotTo(HaveOccurred())
		Expect([]any{numbers, dir, source}).To(Equal([]any{[2]uint32{98, 1}, "/a b", "/dev/root x"}))
		for _, line := range []string{"", "1 2 3", "1 2 x / /a rw - ext4", "1 2 x / /a rw - ext4 /dev/sda rw"} {
			_, _, _, err := linux.MountOf(line)
			Expect(err).To(HaveOccurred(), line)
		}
	})

	It("tells what a pre-install has mounted from what the deployment system has had from its start", func() {
		lines := []string{
			"1 0 0:2 / / rw - rootfs rootfs rw", "2 1 0:3 / /proc rw - proc proc rw", "3 1 0:4 / /tmp rw - tmpfs tmpfs rw",
			"4 1 8:3 / /mnt/dest rw - ext4 /dev/sda3 rw", "5 4 8:4 / /mnt/dest/var rw - ext4 /dev/sda4 rw", "6 3 8:5 / /tmp/image rw - ext4 /dev/sda5 rw",
		}
		for dir, want := range map[string]string{
			"/mnt/dest": "/mnt/dest", "/mnt/dest/var/log": "/mnt/dest/var", "/mnt/dest/variable": "/mnt/dest", "/mnt": "", "/mnt/destination": "",
			"/tmp/other": "", "/tmp/image/x": "/tmp/image", "/proc/1": "",
		} {
			Expect(linux.Foreign(dir, lines...)).To(Equal(want), dir)
		}
	})

	It("finds who uses a file", func() {
		name := filepath.Join(GinkgoT().TempDir(), "file")
		f, err := os.Create(name)
		Expect(err).NotTo(HaveOccurred())
		defer f.Close()
		Expect(linux.UsersOf(filepath.Dir(name))).To(ContainElement(ContainSubstring(fmt.Sprintf("(process %d, %s)", os.Getpid(), name))))
		f.Close()
		Expect(linux.UsersOf(filepath.Dir(name))).To(Equal([]string{"the kernel itself (a loop device, a swap file, an export?)"}))
	})
})

var _ = Describe("The configuration of GRUB", func() {
	It("names files without links and lets no word of the arguments be read as anything else", func() {
		dir := GinkgoT().TempDir()
		Expect(os.Mkdir(filepath.Join(dir, "boot"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "boot/vmlinuz-6 x"), nil, 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "boot/initrd"), nil, 0o600)).To(Succeed())
		Expect(os.Symlink("/boot/vmlinuz-6 x", filepath.Join(dir, "vmlinuz"))).To(Succeed())
		root, err := os.OpenRoot(dir)
		Expect(err).NotTo(HaveOccurred())
		defer root.Close()
		text, err := linux.BootMenu(root, "/vmlinuz", "boot/initrd", "root=UUID=1-2 a=$x;reboot b='c'")
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(Equal(`# Written by kadeploy at each deployment.
if linux '/boot/vmlinuz-6 x' root=UUID=1-2 'a=$x;reboot' 'b='\''c'\'''; then
  if initrd /boot/initrd; then
    boot
  fi
fi
reboot
`))
		_, err = linux.BootMenu(root, "/boot", "", "")
		Expect(err).To(MatchError(ContainSubstring("/boot is no regular file")))
	})
})
