package linux_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("Without udev, a disk", func() {
	DescribeTable("has the path that udev would give it",
		func(sys, want string) { Expect(linux.PathID(sys)).To(Equal(want)) },
		Entry(nil, "/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "pci-0000:00:04.0"),
		Entry("behind a bridge", "/sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/nvme/nvme0/nvme0n1", "pci-0000:02:00.0-nvme-1"),
		Entry("of a multipath controller", "/sys/devices/pci0000:00/0000:02:00.0/nvme/nvme0/nvme0c0n2", "pci-0000:02:00.0-nvme-2"),
		Entry(nil, "/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda", "pci-0000:00:1f.2-ata-1"),
		Entry(nil, "/sys/devices/pci0000:00/0000:03:00.0/host2/target2:1:0/2:1:0:0/block/sdb", "pci-0000:03:00.0-scsi-0:1:0:0"),
		Entry("of no bus", "/sys/devices/platform/x/block/vda", ""),
	)

	It("is found below /sys, with its partitions; memory and volumes are no disks", func() {
		sys, dev := tree(map[string]string{
			"devices/pci0000:00/0000:00:04.0/virtio1/block/vda":      "size=2048 dev=254:0 serial=A1",
			"devices/pci0000:00/0000:00:04.0/virtio1/block/vda/vda1": "size=1024 start=2048 partition=1 dev=254:1",
			"devices/pci0000:00/0000:05:00.0/block/cciss!c0d0":       "size=4096 dev=104:0",
			"devices/virtual/block/loop0":                            "size=2048 dev=7:0",
			"devices/pci0000:00/0000:06:00.0/block/sr0":              "size=2048 dev=11:0",
			"devices/pci0000:00/0000:07:00.0/block/sdz":              "size=0 dev=8:0",
		})
		Expect(linux.Disks(sys)).To(ConsistOf("/dev/vda", "/dev/cciss/c0d0"))
		_, err := linux.Resolve(sys, dev, dev+"/vda9")
		Expect(err).To(HaveOccurred())
		_, err = linux.Resolve(sys, dev, "serial=A1-part1")
		Expect(err).To(MatchError(ContainSubstring("/vda1: the kernel knows it, but there is no device node")))
		_, err = linux.Resolve(sys, dev, "serial=A1-part2")
		Expect(err).To(MatchError(ContainSubstring("no such partition")))
		_, err = linux.Resolve(sys, dev, "size>=1")
		Expect(err).To(MatchError(ContainSubstring("say more")))
	})
})

// tree makes one as in /sys: devices, with links to them in block and class/block.
func tree(devices map[string]string) (sys, dev string) {
	sys, dev = GinkgoT().TempDir(), GinkgoT().TempDir()
	for _, dir := range []string{"block", "class/block"} {
		Expect(os.MkdirAll(filepath.Join(sys, dir), 0o755)).To(Succeed())
	}
	for path, files := range devices {
		dir := filepath.Join(sys, path)
		Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
		for _, f := range strings.Fields(files) {
			name, text, _ := strings.Cut(f, "=")
			Expect(os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644)).To(Succeed())
		}
		Expect(os.Symlink(dir, filepath.Join(sys, "class/block", filepath.Base(path)))).To(Succeed())
		if !strings.Contains(files, "partition=") {
			Expect(os.Symlink(dir, filepath.Join(sys, "block", filepath.Base(path)))).To(Succeed())
		}
	}
	return sys, dev
}
