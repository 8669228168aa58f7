package blockdev_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "blockdev")
}

var _ = Describe("The name of a partition", func() {
	DescribeTable("is the one that the kernel or udev gives it",
		func(disk, part, want string) { Expect(blockdev.Partition(disk, part)).To(Equal(want)) },
		Entry(nil, "/dev/sda", "3", "/dev/sda3"),
		Entry(nil, "/dev/nvme0n1", "3", "/dev/nvme0n1p3"),
		Entry(nil, "/dev/mmcblk0", "12", "/dev/mmcblk0p12"),
		Entry("as the suffix says", "/dev/nvme0n1", "p3", "/dev/nvme0n1p3"),
		Entry(nil, "/dev/disk/by-id/wwn-0x5000", "3", "/dev/disk/by-id/wwn-0x5000-part3"),
		Entry(nil, "/dev/disk/by-id/wwn-0x5000", "-part3", "/dev/disk/by-id/wwn-0x5000-part3"),
		Entry(nil, "serial=A1", "3", "serial=A1-part3"),
		Entry("of none", "/dev/sda", "", "/dev/sda"),
	)

	DescribeTable("has a number, however it is written",
		func(part string, want int) { Expect(blockdev.Number(part)).To(Equal(want)) },
		Entry(nil, "3", 3), Entry(nil, "p12", 12), Entry(nil, "-part3", 3), Entry(nil, "none", 0), Entry(nil, "", 0), Entry(nil, "-1", 0),
	)

	DescribeTable("is on a disk whose place the kernel's name says",
		func(disk string, want int, known bool) {
			n, ok := blockdev.Ordinal(disk)
			Expect(ok).To(Equal(known))
			Expect(n).To(Equal(want))
		},
		Entry(nil, "/dev/sda", 0, true), Entry(nil, "/dev/vdc", 2, true), Entry(nil, "/dev/nvme0n1", 0, true), Entry(nil, "/dev/mmcblk1", 1, true),
		Entry(nil, "/dev/sda1", 0, false), Entry(nil, "/dev/md1", 0, false), Entry(nil, "/dev/disk/by-id/wwn-0x5000", 0, false), Entry(nil, "serial=A1", 0, false),
	)

	DescribeTable("tells the disk and the number, where the kernel need not be asked",
		func(device, disk string, number int) {
			gotDisk, gotNumber := blockdev.Split(device)
			Expect(gotDisk).To(Equal(disk))
			Expect(gotNumber).To(Equal(number))
		},
		Entry(nil, "/dev/disk/by-id/wwn-0x5000-part3", "/dev/disk/by-id/wwn-0x5000", 3),
		Entry(nil, "size>=100G-part12", "size>=100G", 12),
		Entry(nil, "/dev/disk/by-id/a-part", "/dev/disk/by-id/a-part", 0),
		Entry(nil, "serial=x-part0", "serial=x-part0", 0),
		Entry(nil, "/dev/vda1", "/dev/vda1", 0),
	)
})

var _ = Describe("A hint", func() {
	disk := blockdev.Disk{Serial: "S3EWNX0J", Model: "Samsung SSD 960 PRO", Size: 512 << 30}

	DescribeTable("means the disks that are so",
		func(text string, want bool) {
			h, err := blockdev.ParseHint(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(h.Matches(disk)).To(Equal(want))
		},
		Entry(nil, "serial=s3ewnx0j", true),
		Entry("a whole serial number", "serial=S3EW", false),
		Entry("a part of a model", "model=ssd 960", true),
		Entry(nil, "model=Intel", false),
		Entry(nil, "size>=512G", true),
		Entry(nil, "size>=513g", false),
		Entry("in bytes", "size>=1000", true),
	)

	DescribeTable("that nobody could follow is refused, as is any other name of no disk",
		func(text, want string) { Expect(blockdev.Check(text)).To(MatchError(ContainSubstring(want))) },
		Entry(nil, "serial=", "want /dev/NAME"),
		Entry(nil, "sda", "want /dev/NAME"),
		Entry(nil, "", "want /dev/NAME"),
		Entry(nil, "size>=0", "such as 100G"),
		Entry(nil, "size>=9999999T", "such as 100G"),
		Entry(nil, "size>=G", "such as 100G"),
		Entry(nil, "vendor=x", "want /dev/NAME"),
		Entry(nil, "/sda", "/dev/sda"),
		Entry(nil, "/dev/../etc/passwd", "/dev/sda"),
		Entry(nil, "/dev/disk", "/dev/sda"),
		Entry(nil, "/dev/"+strings.Repeat("a", 600), "more than 512"),
	)

	DescribeTable("and a path are fine",
		func(text string) { Expect(blockdev.Check(text)).To(Succeed()) },
		Entry(nil, "/dev/sda"), Entry(nil, "/dev/cciss/c0d0"), Entry(nil, "/dev/disk/by-path/pci-0000:00:04.0"), Entry(nil, "size>=10G"),
	)
})

var _ = Describe("A disk", func() {
	disk := blockdev.Disk{Device: "/dev/sda", Serial: "S3EW NX0J", WWID: "naa.5000c500a1b2c3d4", Path: "pci-0000:00:1f.2-ata-1", Size: 4 << 40}

	DescribeTable("has the links that udev would make",
		func(link string, want bool) {
			Expect(disk.Linked(link)).To(Equal(want))
		},
		Entry(nil, "by-id/wwn-0x5000c500a1b2c3d4", true),
		Entry(nil, "by-id/scsi-35000c500a1b2c3d4", true),
		Entry(nil, "by-id/wwn-0x5000c500a1b2c3d5", false),
		Entry(nil, "by-id/ata-SAMSUNG_MZ7LM480_S3EW_NX0J", true),
		Entry(nil, "by-id/nvme-SAMSUNG_S3EW_NX0J", true),
		Entry(nil, "by-id/virtio-S3EW_NX0J", true),
		Entry("but not by a part of its number", "by-id/virtio-NX0J", false),
		Entry("nor by the end of it alone", "by-id/ata-S3EW_NX0J0", false),
		Entry(nil, "by-path/pci-0000:00:1f.2-ata-1", true),
		Entry(nil, "by-path/pci-0000:00:1f.2-ata-2", false),
		Entry(nil, "by-uuid/x", false),
	)

	DescribeTable("is what is written in any of the three ways",
		func(device string, want bool) { Expect(disk.Is(device)).To(Equal(want)) },
		Entry(nil, "/dev/sda", true),
		Entry(nil, "/dev/sdb", false),
		Entry(nil, "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", true),
		Entry(nil, "/dev/disk/by-path/pci-0000:00:1f.2-ata-2", false),
		Entry(nil, "serial=s3ew nx0j", true),
		Entry(nil, "size>=5T", false),
		Entry("what nobody understands", "vendor=x", false),
	)
})
