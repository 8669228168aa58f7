//go:build qemu

package linux_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("A layout of real disks", func() {
	const dest = "/mnt/layout"
	var d *linux.Driver
	var both, mirrored *disklayout.Layout
	ctx := context.Background()

	part := func(role disklayout.Role, of string, size int64) disklayout.Partition {
		return disklayout.Partition{Role: role, Of: of, Size: disklayout.Size{Bytes: size << 20}}
	}
	say := func(name string, args ...string) string {
		out, _ := exec.Command(name, args...).CombinedOutput()
		return strings.TrimSpace(string(out))
	}
	blkid := func(device, tag string) string { return say("blkid", "-p", "-s", tag, "-o", "value", device) }
	try := func(l *disklayout.Layout) error {
		text, err := l.Encode()
		Expect(err).NotTo(HaveOccurred())
		_, err = d.Partition(ctx, machine.Table{Device: l.Disks[0], Kind: disklayout.Kind, Script: text})
		return err
	}
	mdstat := func() string {
		text, err := os.ReadFile("/proc/mdstat")
		Expect(err).NotTo(HaveOccurred())
		return string(text)
	}
	write := func(device, name string) {
		GinkgoHelper()
		Expect(d.Format(ctx, device, "ext4", "")).To(Succeed())
		Expect(d.Mount(ctx, device, dest, "ext4")).To(Succeed())
		Expect(os.WriteFile(dest+"/"+name, []byte(name), 0o644)).To(Succeed())
	}

	BeforeEach(func() {
		if !inMachine {
			Skip("runs in a machine of its own: TestRealDisks starts it")
		}
		var err error
		d, err = linux.New(linux.Config{Appearing: 2 * time.Second})
		Expect(err).NotTo(HaveOccurred())
		both = &disklayout.Layout{Label: "gpt", Disks: []string{"serial=VIRT-1", "/dev/nvme0n1"}, Partitions: []disklayout.Partition{
			part("bios_grub", "", 1), part("esp", "", 64), part("deploy", "", 200), part("none", "", 0)}}
		mirrored = &disklayout.Layout{Label: "gpt", Disks: both.Disks,
			Partitions: []disklayout.Partition{part("bios_grub", "", 1), part("esp", "", 64), part("prod", "", 100), part("raid", "md0", 0)},
			Arrays:     []disklayout.Array{{Name: "md0", Level: 1, Role: "lvm", Of: "vg-0"}},
			Groups: []disklayout.Group{{Name: "vg-0", Volumes: []disklayout.Volume{
				{Name: "root", Role: "deploy", Size: disklayout.Size{Bytes: 300 << 20}}, {Name: "swap", Role: "swap", Size: disklayout.Size{Percent: 10}}, {Name: "tmp", Role: "tmp"}}}},
		}
		DeferCleanup(func() { Expect(try(both)).To(Succeed()) })
	})

	It("has RAID 1 and LVM on it, and is made again from whatever is there", func() {
		for _, name := range []string{"first", "second"} {
			Expect(try(mirrored)).To(Succeed())
			Expect(mdstat()).To(MatchRegexp(`md0 : active raid1 nvme0n1p4\[1\] vda4\[0\]`))
			Expect(say("lvm", "lvs", "--noheadings", "-o", "lv_name,lv_size", "--units", "m", "vg-0")).To(MatchRegexp(`root +300\.00m\s+swap +1\d\d\.00m\s+tmp +1\d\d\d\.00m`))
			for _, esp := range []string{"/dev/vda2", "/dev/nvme0n1p2"} {
				Expect(blkid(esp, "TYPE")).To(Equal("vfat"))
			}
			Expect(d.Swap(ctx, "/dev/vg-0/swap")).To(Succeed())
			write("/dev/vg-0/root", name)
			Expect(d.RootDevice(ctx, "/dev/vg-0/root")).To(Equal("/dev/vg-0/root"))
		}
		Expect(dest + "/first").NotTo(BeAnExistingFile())

		By("having everything on the second disk too")
		Expect(d.Umount(ctx, dest)).To(Succeed())
		say("lvm", "vgchange", "-an", "vg-0")
		say("mdadm", "--stop", "/dev/md0")
		Expect(say("mdadm", "--assemble", "--run", "/dev/md0", "/dev/nvme0n1p4")).To(ContainSubstring("started with 1 drive"))
		say("lvm", "vgchange", "-ay", "vg-0")
		Expect(d.Mount(ctx, "/dev/vg-0/root", dest, "ext4")).To(Succeed())
		Expect(dest + "/second").To(BeAnExistingFile())
	})

	It("is made again when the volumes run and their metadata is gone, or half of the array", func() {
		Expect(try(mirrored)).To(Succeed())
		f, err := os.OpenFile("/dev/md0", os.O_WRONLY, 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = f.Write(make([]byte, 1<<20))
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Close()).To(Succeed())
		Expect(try(mirrored)).To(Succeed())
		say("mdadm", "/dev/md0", "--fail", "/dev/vda4")
		Eventually(func() string { // the kernel lets go of it when the copying to it has stopped
			_ = exec.Command("mdadm", "/dev/md0", "--remove", "/dev/vda4").Run()
			return mdstat()
		}, "30s").ShouldNot(ContainSubstring("vda4"))
		Expect(try(mirrored)).To(Succeed())
		Expect(mdstat()).To(ContainSubstring("vda4"))
	})

	It("keeps what is in a partition that stays, an EFI system partition too", func() {
		Expect(try(mirrored)).To(Succeed())
		for _, device := range []string{"/dev/vda2", "/dev/vda3"} {
			fs := map[string]string{"/dev/vda2": "vfat", "/dev/vda3": "ext4"}[device]
			if fs == "ext4" {
				Expect(d.Format(ctx, device, fs, "")).To(Succeed())
			}
			Expect(d.Mount(ctx, device, dest, fs)).To(Succeed())
			Expect(os.WriteFile(dest+"/kept", []byte("x"), 0o644)).To(Succeed())
			Expect(d.Umount(ctx, dest)).To(Succeed())
		}
		Expect(try(mirrored)).To(Succeed())
		for _, device := range []string{"/dev/vda2", "/dev/vda3"} {
			Expect(d.Mount(ctx, device, dest, "")).To(Succeed())
			Expect(dest + "/kept").To(BeAnExistingFile())
			Expect(d.Umount(ctx, dest)).To(Succeed())
		}
	})

	It("is refused while the running system has something mounted of it, and nothing is stopped", func() {
		Expect(try(mirrored)).To(Succeed())
		write("/dev/vg-0/tmp", "file")
		Expect(d.Umount(ctx, dest)).To(Succeed())
		Expect(os.MkdirAll("/mnt/other", 0o755)).To(Succeed())
		Expect(unix.Mount("/dev/mapper/vg--0-tmp", "/mnt/other", "ext4", 0, "")).To(Succeed())
		Expect(try(mirrored)).To(MatchError(ContainSubstring("is mounted on /mnt/other by the running system")))
		Expect("/mnt/other/file").To(BeAnExistingFile())
		Expect(mdstat()).To(ContainSubstring("active raid1"))
		Expect(unix.Unmount("/mnt/other", 0)).To(Succeed())
		_, err := d.Partition(ctx, machine.Table{Device: "/dev/vda", Kind: "sfdisk", Script: []byte("label: dos\nsize=100M\n")})
		Expect(err).To(MatchError(ContainSubstring("/dev/vda4 is part of md0, which is in use")), "other kinds know nothing of arrays")
	})

	It("has a RAID 0 that is deployed to, whose root is found by its file system", func() {
		l := &disklayout.Layout{Label: "dos", Disks: both.Disks, Partitions: []disklayout.Partition{part("raid", "md1", 300), part("swap", "", 100)},
			Arrays: []disklayout.Array{{Name: "md1", Level: 0, Role: "deploy"}}}
		for range 2 {
			Expect(try(l)).To(Succeed())
			write("/dev/md1", "file")
		}
		Expect(mdstat()).To(ContainSubstring("md1 : active raid0"))
		Expect(d.RootDevice(ctx, "/dev/md1")).To(Equal("UUID=" + blkid("/dev/md1", "UUID")))
		_, err := d.InstallBootloader(ctx, machine.Kernel{Root: dest, Device: "/dev/md1", Kernel: "/vmlinuz"})
		Expect(err).To(MatchError(ContainSubstring("reads partitions, not /dev/md1")))
	})

	It("touches no disk when one is too small, or named twice", func() {
		Expect(try(both)).To(Succeed())
		before := say("sfdisk", "--dump", "/dev/vda")
		large := *both
		large.Partitions = append([]disklayout.Partition{part("swap", "", 4000)}, both.Partitions...)
		Expect(try(&large)).To(MatchError(ContainSubstring("the layout needs 4266 MiB, and /dev/vda has room for 2046 MiB")))
		twice := *both
		twice.Disks = []string{"/dev/vda", "serial=VIRT-1"}
		Expect(try(&twice)).To(MatchError(ContainSubstring("/dev/vda and serial=VIRT-1 are the same disk")))
		Expect(say("sfdisk", "--dump", "/dev/vda")).To(Equal(before))
	})
})
