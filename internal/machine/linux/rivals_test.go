package linux_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("What an earlier deployment has told GRUB", func() {
	It("is looked for wherever GRUB can read, but on the deployed partition", func() {
		Expect(linux.Rivals([]linux.Candidate{
			{Name: "sda1", Holds: "vfat"}, {Name: "sda2", Holds: "swap"}, {Name: "sda3", Holds: "ext4"}, {Name: "sda4", Holds: "ext4"},
			{Name: "sda5", Holds: "luks"}, {Name: "sda6", Holds: ""}, {Name: "sda", Holds: "ext4", Table: true},
			{Name: "sdb1", Holds: "xfs"}, {Name: "sdb2", Holds: "btrfs"}, {Name: "sdb", Table: true}, {Name: "sdc", Holds: "ext2"},
		}, "sda3")).To(Equal([]string{"sda1", "sda4", "sdb1", "sdb2", "sdc"}))
	})

	It("is put aside, and follows no link out of its file system", func() {
		dir := GinkgoT().TempDir()
		Expect(linux.Retire(dir)).To(Succeed(), "there is none")
		Expect(os.MkdirAll(filepath.Join(dir, "real/grub"), 0o755)).To(Succeed())
		Expect(os.Symlink("/real", filepath.Join(dir, "boot"))).To(Succeed())
		Expect(linux.Retire(dir)).To(Succeed(), "there is none yet")
		file := filepath.Join(dir, "real/grub/kadeploy.cfg")
		Expect(os.WriteFile(file, []byte("old"), 0o600)).To(Succeed())
		Expect(linux.Retire(dir)).To(Succeed())
		Expect(file).NotTo(BeAnExistingFile())
		Expect(os.ReadFile(file + ".old")).To(BeEquivalentTo("old"))
		Expect(linux.Retire(dir)).To(Succeed(), "it is gone")
	})
})
