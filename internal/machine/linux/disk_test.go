//go:build qemu

package linux_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

var _ = Describe("A real disk", func() {
	const (
		dest   = "/mnt/dest"
		layout = "label: gpt\nsize=1M, type=21686148-6449-6E6F-744E-656564454649\nsize=64M, type=uefi\nsize=500M\nsize=100M, type=swap\nsize=600M\n"
	)
	var d *linux.Driver
	ctx := context.Background()

	BeforeEach(func() {
		if !inMachine {
			Skip("runs in a machine of its own: TestRealDisks starts it")
		}
	})
	BeforeEach(func() {
		var err error
		d, err = linux.New(linux.Config{Appearing: 2 * time.Second})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(d.Umount(ctx, dest)).To(Succeed()) })
	})

	sfdisk := func(device, script string) machine.Table {
		return machine.Table{Device: device, Kind: "sfdisk", Script: []byte(script)}
	}
	partition := func(t machine.Table) {
		GinkgoHelper()
		out, err := d.Partition(ctx, t)
		Expect(err).NotTo(HaveOccurred(), out)
	}
	say := func(name string, args ...string) string {
		out, _ := exec.Command(name, args...).CombinedOutput()
		return strings.TrimSpace(string(out))
	}
	blkid := func(device, tag string) string { return say("blkid", "-p", "-s", tag, "-o", "value", device) }

	for _, device := range []string{"/dev/vda", "/dev/nvme0n1"} {
		third := map[string]string{"/dev/vda": "/dev/vda3", "/dev/nvme0n1": "/dev/nvme0n1p3"}[device]

		It("gets the table of an sfdisk script, with its device nodes: "+device, func() {
			for range 2 {
				partition(sfdisk(device, layout))
			}
			Expect(third).To(BeAnExistingFile())
			Expect(say("sfdisk", "--verify", device)).To(ContainSubstring("No errors"))
		})

		It("gets the table of lines typed into fdisk: "+device, func() {
			partition(machine.Table{Device: device, Kind: "fdisk", Script: []byte("o\nn\np\n1\n\n+100M\nn\np\n3\n\n+200M\nn\ne\n2\n\n\nn\nl\n\n+50M\nt\n1\n82\np\nw\n")})
			Expect(say("sfdisk", "--dump", device)).To(And(ContainSubstring("size=      204800, type=82"), ContainSubstring("type=5")))
			Expect(third).To(BeAnExistingFile())
		})
	}

	It("gets the table of a parted script, which knows its variables", func() {
		script := "#!/bin/sh -e\nparted -s $KADEPLOY_BLOCK_DEVICE mklabel gpt mkpart a ext4 1MiB 101MiB mkpart b ext4 101MiB 300MiB\nmkfs.ext4 -qF ${KADEPLOY_BLOCK_DEVICE}1\n"
		for range 2 {
			partition(machine.Table{Device: "serial=VIRT-1", Kind: "parted", Script: []byte(script), Env: map[string]string{"KADEPLOY_BLOCK_DEVICE": "serial=VIRT-1"}})
		}
		Expect("/dev/vda2").To(BeAnExistingFile())
		Expect(blkid("/dev/vda1", "TYPE")).To(Equal("ext4"), "what the script made stays")
	})

	It("says what is wrong with a script, and what was printed", func() {
		out, err := d.Partition(ctx, sfdisk("/dev/vda", "label: gpt\nstart=2048, size=100M\nstart=4096, size=100M\n"))
		Expect(err).To(MatchError("partition /dev/vda: sfdisk: Failed to add #2 partition: Numerical result out of range"), out)
		_, err = d.Partition(ctx, machine.Table{Device: "/dev/vda", Kind: "fdisk", Script: []byte("o\np\n")})
		Expect(err).To(MatchError(ContainSubstring("does not reach the command w")))
		_, err = d.Partition(ctx, machine.Table{Device: "/dev/vda", Kind: "fdisk", Script: []byte("n\np\nw\nw\nw\nw\nw\nq\n")})
		Expect(err).To(HaveOccurred())
		_, err = d.Partition(ctx, machine.Table{Device: "/dev/vda", Kind: "parted", Script: []byte("#!/bin/sh\necho no luck\nexit 3\n")})
		Expect(err).To(MatchError("partition /dev/vda: script partition script: exit status 3: no luck"))
	})

	It("says which partition of a script does not fit", func() {
		_, err := d.Partition(ctx, sfdisk("/dev/vda", "label: gpt\nsize=100M\nsize=9G\n"))
		Expect(err).To(MatchError("partition /dev/vda: partition 2 is to have 9216 MiB, and the disk has room for 1945 MiB"))
		_, err = d.Partition(ctx, sfdisk("/dev/vda", "label: dos\nsize=9G\n"))
		Expect(err).To(MatchError("partition /dev/vda: partition 1 is to have 9216 MiB, and the disk has room for 0 MiB"))
		partition(sfdisk("/dev/vda", "label: gpt\nsize=100M\nsize=+\n"))
	})

	It("keeps what is in a partition that stays where it is, and nothing else", func() {
		partition(sfdisk("/dev/vda", "label: dos\nsize=100M\nsize=100M\n"))
		for _, device := range []string{"/dev/vda1", "/dev/vda2"} {
			Expect(d.Format(ctx, device, "ext4", "")).To(Succeed())
		}
		partition(sfdisk("/dev/vda", "label: dos\nsize=100M\nsize=101M\n"))
		Expect(blkid("/dev/vda1", "TYPE")).To(Equal("ext4"))
		Expect(blkid("/dev/vda2", "TYPE")).To(BeEmpty())
	})

	It("is known by all its names, and by hints", func() {
		partition(sfdisk("/dev/vda", layout))
		partition(sfdisk("/dev/nvme0n1", layout))
		disks, err := d.Inventory(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"/dev/disk/by-id/virtio-VIRT-1", "/dev/disk/by-path/" + disks[1].Path, "/dev/disk/by-path/virtio-" + disks[1].Path, "serial=virt-1"} {
			Expect(d.Format(ctx, name+"-part3", "ext4", "-L "+name[len(name)-4:])).To(Succeed())
			Expect(blkid("/dev/vda3", "LABEL")).To(Equal(name[len(name)-4:]))
		}
		for _, name := range []string{"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_NVME-1", "/dev/disk/by-path/" + disks[0].Path, "model=nvme ctrl"} {
			Expect(d.Format(ctx, name+"-part3", "ext4", "-L "+name[len(name)-4:])).To(Succeed())
			Expect(blkid("/dev/nvme0n1p3", "LABEL")).To(Equal(strings.TrimSpace(name[len(name)-4:])))
		}
		Expect(d.RootDevice(ctx, "serial=VIRT-1-part3")).To(Equal("PARTUUID=" + blkid("/dev/vda3", "PART_ENTRY_UUID")))
		Expect(d.RootDevice(ctx, "/dev/vda3")).To(Equal("/dev/vda3"))
		Expect(d.FindDisk(ctx, "serial=virt-1")).To(Equal("/dev/vda"))
		_, err = d.FindDisk(ctx, "serial=VIRT-1-part3")
		Expect(err).To(MatchError(ContainSubstring("is a partition; want a disk")))
		Expect(d.Swap(ctx, "size>=1G-part4")).To(MatchError(And(ContainSubstring("which of /dev/nvme0n1 (model"), ContainSubstring("/dev/vda"))))
		Expect(d.Swap(ctx, "serial=X")).To(MatchError(And(ContainSubstring("no such disk; there are /dev/nvme0n1 (model"), ContainSubstring(`serial "VIRT-1"`))))
		Expect(d.Swap(ctx, "/dev/vda9")).To(MatchError(And(ContainSubstring("no such partition; /dev/vda has /dev/vda1, /dev/vda2"))))
		Expect(d.Swap(ctx, "/dev/sda1")).To(MatchError(ContainSubstring("no such disk; there are /dev/nvme0n1, /dev/vda")))
	})

	DescribeTable("holds the file system that it was formatted with, whatever was there",
		func(fs, options string) {
			partition(sfdisk("/dev/vda", layout))
			Expect(exec.Command("mkfs.xfs", "-qf", "/dev/vda5").Run()).To(Succeed())
			for range 2 {
				Expect(d.Format(ctx, "/dev/vda5", fs, options)).To(Succeed())
			}
			Expect(blkid("/dev/vda5", "TYPE")).To(Equal(fs), "as libblkid sees it")
			disks, err := d.Inventory(ctx)
			Expect(err).NotTo(HaveOccurred())
			got := disks[1].Partitions[4].Content
			Expect(got.Filesystem).To(Equal(fs))
			Expect(got.UUID).To(Equal(blkid("/dev/vda5", "UUID")))
			Expect(got.Label).To(Equal("KA-1"))
			for range 2 {
				Expect(d.Mount(ctx, "/dev/vda5", dest, fs)).To(Succeed())
			}
			Expect(os.WriteFile(dest+"/file", []byte("x"), 0o644)).To(Succeed())
			Expect(d.Sync(ctx)).To(Succeed())
			for range 2 {
				Expect(d.Umount(ctx, dest)).To(Succeed())
			}
			Expect(dest + "/file").NotTo(BeAnExistingFile())
			Expect(d.Mount(ctx, "/dev/vda5", dest, "")).To(Succeed())
			Expect(dest + "/file").To(BeAnExistingFile())
		},
		Entry(nil, "ext2", "-L KA-1"), Entry(nil, "ext3", "-L KA-1"), Entry(nil, "ext4", "-L KA-1 -O ^metadata_csum"),
		Entry(nil, "xfs", "-L KA-1"), Entry(nil, "btrfs", "-L KA-1"), Entry(nil, "vfat", "-n KA-1"),
	)

	It("tells why it cannot be formatted or mounted", func() {
		partition(sfdisk("/dev/vda", layout))
		Expect(d.Format(ctx, "/dev/vda5", "ext4", "--bad")).To(MatchError(HavePrefix("format /dev/vda5: mkfs.ext4: exit status 1")))
		Expect(d.Format(ctx, "/dev/vda5", "zfs", "")).To(MatchError(ContainSubstring("mkfs.zfs: there is no such program here")))
		Expect(d.Mount(ctx, "/dev/vda5", dest, "ext4")).To(MatchError(ContainSubstring("it holds no file system, format it first")))
		Expect(d.Swap(ctx, "/dev/vda4")).To(Succeed())
		Expect(blkid("/dev/vda4", "TYPE")).To(Equal("swap"))
		Expect(d.Mount(ctx, "/dev/vda4", dest, "ext4")).To(MatchError(ContainSubstring("it is a swap area")))
		Expect(d.Format(ctx, "/dev/vda5", "ext4", "")).To(Succeed())
		Expect(d.Mount(ctx, "/dev/vda5", dest, "xfs")).To(MatchError(ContainSubstring("it holds ext4, not xfs")))
		Expect(d.Mount(ctx, "/dev/vda5", dest, "ext4")).To(Succeed())
		Expect(d.Mount(ctx, "/dev/vda3", dest, "ext4")).To(MatchError(ContainSubstring("/dev/vda5 is mounted on /mnt/dest already")))
	})

	It("is unmounted by a new order for it, with all that a script has mounted below", func() {
		partition(sfdisk("/dev/vda", layout))
		Expect(d.Format(ctx, "/dev/vda5", "btrfs", "")).To(Succeed())
		Expect(d.Mount(ctx, "/dev/vda5", dest, "btrfs")).To(Succeed())
		Expect(os.Mkdir(dest+"/proc", 0o755)).To(Succeed())
		Expect(unix.Mount("proc", dest+"/proc", "proc", 0, "")).To(Succeed())
		Expect(d.Format(ctx, "/dev/vda5", "ext4", "")).To(Succeed())
		Expect(d.Mount(ctx, "/dev/vda5", dest, "ext4")).To(Succeed())
		partition(sfdisk("/dev/vda", "label: dos\nsize=100M\n"))
	})

	It("says who keeps it from being unmounted", func() {
		partition(sfdisk("/dev/vda", layout))
		Expect(d.Format(ctx, "/dev/vda5", "ext4", "")).To(Succeed())
		Expect(d.Mount(ctx, "/dev/vda5", dest, "ext4")).To(Succeed())
		cmd := exec.Command("/bin/busybox", "sleep", "1000")
		cmd.Dir = dest
		Expect(cmd.Start()).To(Succeed())
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		Expect(d.Umount(short, dest)).To(MatchError(ContainSubstring(fmt.Sprintf("device or resource busy: it is used by busybox (process %d, /mnt/dest)", cmd.Process.Pid))))
		Expect(cmd.Process.Kill()).To(Succeed())
		cmd.Wait()
		Expect(d.Umount(ctx, dest)).To(Succeed())
	})

	It("says who has it open when the kernel cannot read its new table", func() {
		partition(sfdisk("/dev/vda", layout))
		f, err := os.OpenFile("/dev/vda3", os.O_RDONLY, 0)
		Expect(err).NotTo(HaveOccurred())
		defer f.Close()
		short, cancel := context.WithTimeout(ctx, 8*time.Second) // for the tools, too, on a slow machine
		defer cancel()
		_, err = d.Partition(short, sfdisk("/dev/vda", layout))
		Expect(err).To(MatchError(ContainSubstring("device or resource busy: it is used by init (process 1, /dev/vda3)")))
	})

	Describe("of the running system", func() {
		BeforeEach(func() {
			partition(sfdisk("/dev/vda", layout))
			Expect(d.Format(ctx, "/dev/vda5", "ext4", "")).To(Succeed())
			Expect(d.Swap(ctx, "/dev/vda4")).To(Succeed())
			Expect(os.MkdirAll("/mnt/other", 0o755)).To(Succeed())
		})
		refused := func(why string) {
			GinkgoHelper()
			before := say("sfdisk", "--dump", "/dev/vda")
			_, err := d.Partition(ctx, sfdisk("/dev/vda", "label: dos\n"))
			Expect(err).To(MatchError(ContainSubstring(why)))
			_, err = d.Device("/dev/vda", 0)
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(say("sfdisk", "--dump", "/dev/vda")).To(Equal(before))
		}

		It("is not touched while a file system is mounted", func() {
			Expect(unix.Mount("/dev/vda5", "/mnt/other", "ext4", 0, "")).To(Succeed())
			DeferCleanup(func() { Expect(unix.Unmount("/mnt/other", 0)).To(Succeed()) })
			refused("/dev/vda5 is mounted on /mnt/other by the running system")
			Expect(d.Format(ctx, "/dev/vda5", "xfs", "")).To(MatchError(ContainSubstring("by the running system")))
			Expect(d.Format(ctx, "/dev/vda3", "xfs", "")).To(Succeed(), "a partition beside it may be")
		})
		It("is not touched while it is swapped to", func() {
			Expect(say("swapon", "/dev/vda4")).To(BeEmpty())
			DeferCleanup(func() { Expect(say("swapoff", "/dev/vda4")).To(BeEmpty()) })
			refused("/dev/vda4 is swap space of the running system")
		})
		It("is not touched while it is part of an array", func() {
			say("mdadm", "--create", "/dev/md7", "--run", "--force", "--level=1", "--raid-devices=1", "/dev/vda5")
			DeferCleanup(func() { say("mdadm", "--stop", "/dev/md7") })
			refused("/dev/vda5 is part of md7")
		})
	})

	Describe("that a raw image is written to", func() {
		It("has its bytes, and those after them as they were", func() {
			partition(sfdisk("/dev/vda", layout))
			image := bytes.Repeat([]byte("0123456789abcdef"), 200_001)
			f, err := d.Device("/dev/vda3", 0)
			Expect(err).NotTo(HaveOccurred())
			for chunk := range bytes.Lines(image) {
				Expect(f.Write(chunk)).To(Equal(len(chunk)))
			}
			Expect(f.Commit(ctx)).To(Succeed())
			got, err := os.Open("/dev/vda3")
			Expect(err).NotTo(HaveOccurred())
			defer got.Close()
			sum := sha256.New()
			_, err = io.CopyN(sum, got, int64(len(image)))
			Expect(err).NotTo(HaveOccurred())
			Expect(sum.Sum(nil)).To(HaveExactElements(bytesOf(sha256.Sum256(image))...))
		})

		It("is read back on request, from the disk and not from memory", func() {
			partition(sfdisk("/dev/vda", layout))
			disk, err := os.OpenFile("/dev/vda", os.O_RDWR, 0)
			Expect(err).NotTo(HaveOccurred())
			defer disk.Close()
			start, err := os.ReadFile("/sys/class/block/vda3/start")
			Expect(err).NotTo(HaveOccurred())
			first, err := strconv.ParseInt(strings.TrimSpace(string(start)), 10, 64)
			Expect(err).NotTo(HaveOccurred())
			for _, broken := range []bool{false, true} {
				f, err := d.Device("/dev/vda3", 0)
				Expect(err).NotTo(HaveOccurred())
				f.Verify()
				Expect(f.Write(bytes.Repeat([]byte("image"), 2_000_001))).To(Equal(10_000_005))
				if !broken {
					Expect(f.Commit(ctx)).To(Succeed())
					continue
				}
				unix.Sync() // what comes now reaches the disk behind the back of the partition
				_, err = disk.WriteAt(bytes.Repeat([]byte("x"), 4096), first*512+(5<<20))
				Expect(err).NotTo(HaveOccurred())
				Expect(disk.Sync()).To(Succeed())
				Expect(f.Commit(ctx)).To(MatchError(ContainSubstring("does not hold what was written from byte 4194304 to 8388607")))
				head := make([]byte, 5)
				_, err = disk.ReadAt(head, first*512)
				Expect(err).NotTo(HaveOccurred())
				Expect(head).NotTo(Equal([]byte("image")), "nobody takes it for an image")
			}
		})

		It("has the partitions that the image brings", func() {
			partition(sfdisk("/dev/nvme0n1", "label: dos\nsize=20M\nsize=30M\n"))
			from, err := os.Open("/dev/nvme0n1")
			Expect(err).NotTo(HaveOccurred())
			defer from.Close()
			table := make([]byte, 1<<20)
			_, err = io.ReadFull(from, table)
			Expect(err).NotTo(HaveOccurred())
			partition(sfdisk("/dev/vda", layout))
			f, err := d.Device("/dev/vda", 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Write(table)).To(Equal(len(table)))
			Expect(f.Commit(ctx)).To(Succeed())
			Expect("/dev/vda2").To(BeAnExistingFile())
			Expect("/dev/vda3").NotTo(BeAnExistingFile())
		})

		It("takes nothing beyond its end, and holds nothing when the image is given up", func() {
			partition(sfdisk("/dev/vda", layout))
			Expect(d.Format(ctx, "/dev/vda2", "vfat", "")).To(Succeed())
			_, err := d.Device("/dev/vda2", 64<<20+1)
			Expect(err).To(MatchError(ContainSubstring("the image is larger than /dev/vda2")))
			Expect(blkid("/dev/vda2", "TYPE")).To(Equal("vfat"), "nothing was written")
			f, err := d.Device("/dev/vda2", 64<<20)
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Write(make([]byte, 1<<20))).To(Equal(1 << 20))
			_, err = f.Write(make([]byte, 64<<20))
			Expect(f.Close()).To(Succeed())
			Expect(err).To(MatchError(unix.ENOSPC))
			Expect(err).To(MatchError(ContainSubstring("the image is larger than /dev/vda2, which has 67108864 bytes")))
			Expect(blkid("/dev/vda2", "TYPE")).To(BeEmpty())
		})
	})

	It("has a tree with a budget, and scripts that run there", func() {
		partition(sfdisk("/dev/vda", layout))
		Expect(d.Format(ctx, "/dev/vda5", "ext4", "")).To(Succeed())
		_, err := d.Tree(dest)
		Expect(err).To(MatchError("nothing is mounted on /mnt/dest"))
		Expect(d.Mount(ctx, "/dev/vda5", dest, "ext4")).To(Succeed())
		tree, err := d.Tree(dest)
		Expect(err).NotTo(HaveOccurred())
		Expect(tree.Path).To(Equal(dest))
		Expect(tree.Device).To(Equal("/dev/vda5"))
		Expect(tree.Room).To(BeNumerically("~", 550<<20, 50<<20), "all of the new file system")
		Expect(tree.Budget.Take(500 << 20)).To(Succeed())
		Expect(tree.Budget.Take(100 << 20)).To(MatchError(syscall.ENOSPC))
		scratch, err := d.Scratch("/rambin/post")
		Expect(err).NotTo(HaveOccurred())
		Expect(scratch.Budget.Take(10 << 30)).To(MatchError(syscall.ENOSPC))
		Expect(os.WriteFile(filepath.Join(scratch.Path, "go"), []byte("#!/bin/sh -e\necho hello > $1/hello\necho in $PWD on $KADEPLOY_BLOCK_DEVICE\n"), 0o755)).To(Succeed())
		out, err := d.RunScript(ctx, machine.Script{Dir: "/rambin/post", Line: "go " + dest, Env: map[string]string{"KADEPLOY_BLOCK_DEVICE": "serial=VIRT-1"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("in /rambin/post on /dev/vda\n"))
		Expect(dest + "/hello").To(BeAnExistingFile())
		Expect(os.Symlink("/etc", dest+"/out")).To(Succeed())
		_, err = d.Tree(dest + "/out")
		Expect(err).To(HaveOccurred(), "the image has no /etc")
	})

	Describe("for a boot loader", func() {
		deploy := func(script string) machine.Kernel {
			partition(sfdisk("/dev/nvme0n1", script))
			Expect(d.Format(ctx, "/dev/nvme0n1p1", "ext4", "")).To(Succeed())
			Expect(d.Mount(ctx, "/dev/nvme0n1p1", dest, "ext4")).To(Succeed())
			Expect(os.MkdirAll(dest+"/boot", 0o755)).To(Succeed())
			Expect(os.WriteFile(dest+"/boot/vmlinuz-1", []byte("kernel"), 0o644)).To(Succeed())
			Expect(os.Symlink("/boot/vmlinuz-1", dest+"/vmlinuz")).To(Succeed())
			return machine.Kernel{Root: dest, Device: "/dev/nvme0n1p1", Kernel: "/vmlinuz", Params: "a=b;c quiet"}
		}

		It("needs room before its first partition", func() {
			_, err := d.InstallBootloader(ctx, deploy("label: dos\nstart=63, size=200M\n"))
			Expect(err).To(MatchError(And(ContainSubstring("there is room for 31744"), ContainSubstring("sector 2048"))))
		})
		It("needs a BIOS boot partition with gpt", func() {
			_, err := d.InstallBootloader(ctx, deploy("label: gpt\nsize=200M\n"))
			Expect(err).To(MatchError(ContainSubstring("without a BIOS boot partition")))
		})
		It("gets it into that partition, and a configuration in which nothing is read but words", func() {
			k := deploy("label: gpt\nsize=200M\nsize=1M, type=21686148-6449-6E6F-744E-656564454649\n")
			for range 2 {
				Expect(d.InstallBootloader(ctx, k)).To(ContainSubstring("GRUB for BIOS in sector 0 of /dev/nvme0n1"))
			}
			text, err := os.ReadFile(dest + "/boot/grub/kadeploy.cfg")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(text)).To(ContainSubstring("if linux /boot/vmlinuz-1 root=/dev/nvme0n1p1 'a=b;c' quiet; then\n"))
			Expect(say("sfdisk", "--verify", "/dev/nvme0n1")).To(ContainSubstring("No errors"))
		})
		It("needs the kernel to be there", func() {
			k := deploy("label: dos\nsize=200M\n")
			k.Kernel = "/boot/none"
			_, err := d.InstallBootloader(ctx, k)
			Expect(err).To(MatchError(ContainSubstring("boot/none: no such file or directory")))
			k.Kernel = "/../../vmlinuz"
			Expect(d.LoadKernel(ctx, k)).To(MatchError(ContainSubstring("/../../vmlinuz is no kernel that this one can start")))
		})
	})
})

func bytesOf(sum [32]byte) (all []any) {
	for _, b := range sum {
		all = append(all, b)
	}
	return all
}
