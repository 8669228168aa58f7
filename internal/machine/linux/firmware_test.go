//go:build qemu

package linux_test

import (
	"bytes"
	"context"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("A disk with sectors of 4 KiB", func() {
	It("gets the table that was asked for, and file systems", func() {
		size, _ := os.ReadFile("/sys/block/nvme0n1/queue/logical_block_size")
		if !inMachine || strings.TrimSpace(string(size)) != "4096" {
			Skip("runs in a machine of its own: TestRealDisks starts it")
		}
		ctx := context.Background()
		d, err := linux.New(linux.Config{})
		Expect(err).NotTo(HaveOccurred())
		for _, label := range []string{"gpt", "dos"} {
			for range 2 {
				out, err := d.Partition(ctx, machine.Table{Device: "/dev/nvme0n1", Kind: "sfdisk", Script: []byte("label: " + label + "\nsize=300M\nsize=200M\n")})
				Expect(err).NotTo(HaveOccurred(), out)
			}
		}
		disks, err := d.Inventory(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(disks[0].Partitions[1].Size).To(BeEquivalentTo(200 << 20))
		for _, fs := range []string{"ext4", "xfs", "btrfs", "vfat"} {
			Expect(d.Format(ctx, "/dev/nvme0n1p1", fs, "")).To(Succeed())
			Expect(d.Mount(ctx, "/dev/nvme0n1p1", "/mnt/large", fs)).To(Succeed())
			Expect(d.Umount(ctx, "/mnt/large")).To(Succeed())
		}
		Expect(d.Swap(ctx, "/dev/nvme0n1p2")).To(Succeed())
		f, err := d.Device("/dev/nvme0n1p2", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Write(bytes.Repeat([]byte("x"), 10_001))).To(Equal(10_001))
		Expect(f.Commit(ctx)).To(Succeed())
	})
})

var _ = Describe("A machine whose firmware is UEFI", func() {
	It("needs an EFI system partition for a boot loader, and formats it when it is new", func() {
		if !inMachine || !exists("/sys/firmware/efi") {
			Skip("runs in a machine of its own: TestRealDisks starts it")
		}
		ctx := context.Background()
		d, err := linux.New(linux.Config{})
		Expect(err).NotTo(HaveOccurred())
		k, err := deploySystem(ctx, d, "/dev/vda")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(d.Umount(ctx, k.Root)).To(Succeed()) })
		for range 2 {
			Expect(d.InstallBootloader(ctx, k)).To(Equal("GRUB for UEFI as EFI/BOOT/BOOTX64.EFI on /dev/vda2"))
		}
		out, err := d.Partition(ctx, machine.Table{Device: "/dev/nvme0n1", Kind: "sfdisk", Script: []byte("label: gpt\nsize=100M\n")})
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(d.Format(ctx, "/dev/nvme0n1p1", "ext4", "")).To(Succeed())
		k.Device = "/dev/nvme0n1p1"
		_, err = d.InstallBootloader(ctx, k)
		Expect(err).To(MatchError(ContainSubstring("/dev/nvme0n1 has no EFI system partition")))
	})
})
