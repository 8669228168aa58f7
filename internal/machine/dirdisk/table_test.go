package dirdisk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
)

var _ = Describe("Partition", func() {
	var root string
	var disk *dirdisk.Disk
	ctx := context.Background()

	partition := func(kind string, lines ...string) error {
		_, err := disk.Partition(ctx, machine.Table{Device: "/dev/sda", Kind: kind, Script: []byte(strings.Join(lines, "\n") + "\n")})
		return err
	}
	// table is what is on the disk: number:size:type of each partition.
	table := func() string {
		text, err := os.ReadFile(filepath.Join(root, "table.json"))
		Expect(err).NotTo(HaveOccurred())
		var t struct{ Partitions []dirdisk.Partition }
		Expect(json.Unmarshal(text, &t)).To(Succeed())
		var all []string
		for _, p := range t.Partitions {
			all = append(all, fmt.Sprintf("%d:%d:%s", p.Number, p.Size, p.Type))
		}
		return strings.Join(all, " ")
	}

	BeforeEach(func() {
		root = GinkgoT().TempDir()
		var err error
		disk, err = dirdisk.Open(dirdisk.Config{Root: root})
		Expect(err).NotTo(HaveOccurred())
	})

	DescribeTable("follows what sfdisk would read",
		func(want string, lines ...string) {
			Expect(partition("sfdisk", lines...)).To(Succeed())
			Expect(table()).To(Equal(want))
		},
		Entry("fields by name", "1:1048576:uefi 2:2147483648:83 3:0:82", "label: gpt", "", "size=1M, type=uefi", "start=4096, size=2GiB # root", "type=swap"),
		Entry("fields by place, sizes in sectors", "1:1024:83 2:0:82", "label: dos", "2048,2", ",+,S"),
		Entry("numbers, also as sfdisk --dump writes them", "1:1024:83 3:2048:82", "label: dos", "unit: sectors", "/dev/sda3 : start=9, size=4, type=82", "1 : size=2, bootable"),
		Entry("logical partitions", "1:1024:83 2:0:5 5:1024:83 6:0:83", "size=1K", "type=E", "size=1K", "size=+"),
		Entry("with gpt there are none", "1:1024:83 2:0:5 3:1024:83", "label: gpt", "size=1K", "type=5", "size=1K"),
	)

	DescribeTable("follows what is typed into fdisk",
		func(want string, lines ...string) {
			Expect(partition("fdisk", lines...)).To(Succeed())
			Expect(table()).To(Equal(want))
		},
		Entry("primary partitions", "1:1024:83 2:2048:83", "o", "n", "p", "1", "", "+1K", "n", "p", "2", "", "+2K", "w"),
		Entry("defaults of every question", "1:0:83", "n", "", "", "", "", "w"),
		Entry("types, asked for by number when there are several", "1:1024:82 2:0:83",
			"n", "p", "1", "", "+1K", "n", "p", "2", "", "", "t", "1", "82", "w"),
		Entry("a type, not asked for by number when there is one", "1:0:82", "n", "p", "1", "", "", "t", "82", "w"),
		Entry("an extended partition with logical ones", "1:1024:83 4:0:5 5:2048:83 6:0:83",
			"n", "p", "1", "", "+1K", "n", "e", "4", "", "", "n", "l", "", "+2K", "n", "l", "", "", "w"),
		Entry("the last free primary number, which is not asked for", "1:1:83 2:1:83 3:1:83 4:0:83",
			"n", "p", "1", "", "1", "n", "p", "2", "", "1", "n", "p", "3", "", "1", "n", "p", "", "", "w"),
		Entry("a GPT", "1:536870912:83 7:21474836480:83", "g", "n", "1", "", "+512M", "n", "7", "", "+20G", "w"),
		Entry("deletion, and renumbered logical partitions", "1:0:5 5:2:83",
			"n", "e", "1", "", "", "n", "l", "", "+1", "n", "l", "", "+2", "d", "5", "w"),
		Entry("harmless questions", "1:0:83", "p", "v", "n", "p", "1", "", "", "a", "w"),
		Entry("a list instead", "2:1024:82 3:0:83", "# demo", "part 3 rest", "", "part 2 1K 82"),
	)

	DescribeTable("names what is wrong with a script",
		func(want, kind string, lines ...string) {
			Expect(partition(kind, lines...)).To(MatchError(ContainSubstring(want)))
			Expect(filepath.Join(root, "table.json")).NotTo(BeAnExistingFile())
		},
		Entry("that never writes", "command w", "fdisk", "n", "p", "1", "", ""),
		Entry("that quits", "command w", "fdisk", "n", "p", "1", "", "", "q", "w"),
		Entry("with a taken number", "line 6", "fdisk", "n", "p", "1", "", "+1K", "n", "p", "1", "", "", "w"),
		Entry("with an unknown command", `command "Z"`, "fdisk", "Z", "w"),
		Entry("with a logical partition outside an extended one", "needs an extended", "fdisk", "n", "l", "", "", "w"),
		Entry("with a wrong size", "size", "fdisk", "n", "p", "1", "", "+lots", "w"),
		Entry("with an overflowing size", "size", "fdisk", "n", "p", "1", "", "+9999999999T", "w"),
		Entry("with a wrong list", "line 2", "fdisk", "part 1 1G", "part two 1G"),
		Entry("with a number twice", "twice", "fdisk", "part 1 1G", "part 1 2G"),
		Entry("of an unknown kind", "want fdisk, parted, sfdisk or layout", "gdisk", "part 1 1G"),
		Entry("without a partition", "has no partition", "sfdisk", "label: gpt"),
		Entry("with a size that is none", "line 2: size \"much\"", "sfdisk", "label: gpt", "size=much"),
		Entry("with a number that is none", "numbers go from 1 to", "sfdisk", "/dev/sdb1 : size=1M"),
		Entry("with a number twice", "partition 1 was declared twice", "sfdisk", "1 : size=1M", "1 : size=2M"),
		Entry("that is run and declares nothing", "no partition was declared", "parted", "#!/bin/sh", "echo hello"),
		Entry("that is run and fails", "exit status 4", "parted", "#!/bin/sh", "echo part 1 1G", "exit 4"),
	)

	It("runs a parted script with the variables and reads what it declares", func() {
		script := "#!/bin/sh\necho preparing $KADEPLOY_BLOCK_DEVICE\necho part 3 10G $KADEPLOY_PART_TYPE\necho part 2 1G 82\n"
		out, err := disk.Partition(ctx, machine.Table{
			Device: "/dev/sda", Kind: "parted", Script: []byte(script),
			Env: map[string]string{"KADEPLOY_BLOCK_DEVICE": "/dev/sda", "KADEPLOY_PART_TYPE": "83"},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("preparing /dev/sda"))
		Expect(table()).To(Equal("2:1073741824:82 3:10737418240:83"))
	})

	It("keeps the files of a partition that stays where it is, and of no other", func() {
		Expect(partition("fdisk", "part 1 1G", "part 2 1G")).To(Succeed())
		for _, device := range []string{"/dev/sda1", "/dev/sda2"} {
			Expect(disk.Format(ctx, device, "ext4", "")).To(Succeed())
			dir, ok := disk.PartitionDir(device)
			Expect(ok).To(BeTrue())
			Expect(os.WriteFile(filepath.Join(dir, "f"), nil, 0o600)).To(Succeed())
		}
		Expect(partition("fdisk", "part 1 1G", "part 2 2G")).To(Succeed())
		dir, ok := disk.PartitionDir("/dev/sda1")
		Expect(ok).To(BeTrue())
		Expect(filepath.Join(dir, "f")).To(BeAnExistingFile())
		_, ok = disk.PartitionDir("/dev/sda2")
		Expect(ok).To(BeFalse())
		Expect(filepath.Join(root, "part", "2")).NotTo(BeAnExistingFile())
	})

	Describe("with a layout", func() {
		try := func(l disklayout.Layout) error {
			text, err := l.Encode()
			Expect(err).NotTo(HaveOccurred())
			_, err = disk.Partition(ctx, machine.Table{Device: "/dev/sda", Kind: disklayout.Kind, Script: text})
			return err
		}
		deploy := disklayout.Partition{Role: disklayout.Deploy}

		It("has the partitions in their order", func() {
			swap := disklayout.Partition{Role: disklayout.Swap, Size: disklayout.Size{Bytes: 1 << 30}}
			Expect(try(disklayout.Layout{Label: "gpt", Partitions: []disklayout.Partition{swap, deploy}})).To(Succeed())
			Expect(table()).To(Equal("1:1073741824:82 2:0:83"))
		})

		DescribeTable("refuses what a directory cannot be",
			func(want string, l disklayout.Layout) {
				l.Label = "gpt"
				Expect(try(l)).To(MatchError(ContainSubstring(want)))
				Expect(filepath.Join(root, "table.json")).NotTo(BeAnExistingFile())
			},
			Entry(nil, "the layout has volume_group vg0: a sandbox node has one disk with partitions", disklayout.Layout{
				Partitions: []disklayout.Partition{{Role: disklayout.LVM, Of: "vg0"}},
				Groups:     []disklayout.Group{{Name: "vg0", Volumes: []disklayout.Volume{{Name: "root", Role: disklayout.Deploy}}}}}),
			Entry(nil, "the layout has raid md0", disklayout.Layout{Disks: []string{"/dev/sda", "/dev/sdb"},
				Partitions: []disklayout.Partition{{Role: disklayout.Raid, Of: "md0"}}, Arrays: []disklayout.Array{{Name: "md0", Level: 1, Role: disklayout.Deploy}}}),
			Entry(nil, "the layout has several disks", disklayout.Layout{Disks: []string{"/dev/sda", "/dev/sdb"}, Partitions: []disklayout.Partition{deploy}}),
			Entry(nil, "the layout is for /dev/sdb, not for /dev/sda", disklayout.Layout{Disks: []string{"/dev/sdb"}, Partitions: []disklayout.Partition{deploy}}),
			Entry(nil, "layout: there is no partition", disklayout.Layout{}),
		)
	})

	It("knows the partitions of disks whose name ends in a digit", func() {
		_, err := disk.Partition(ctx, machine.Table{Device: "/dev/nvme0n1", Kind: "fdisk", Script: []byte("part 3 1G\n")})
		Expect(err).NotTo(HaveOccurred())
		Expect(disk.Format(ctx, "/dev/nvme0n1p3", "xfs", "")).To(Succeed())
		Expect(disk.Format(ctx, "/dev/nvme0n13", "xfs", "")).To(MatchError(ContainSubstring("no such partition")))
	})
})
