package dirdisk_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
)

var _ = Describe("A disk that is a directory", func() {
	var cfg dirdisk.Config
	var disk *dirdisk.Disk
	ctx := context.Background()
	open := func() *dirdisk.Disk {
		d, err := dirdisk.Open(cfg)
		Expect(err).NotTo(HaveOccurred())
		return d
	}
	partition := func() {
		_, err := disk.Partition(ctx, machine.Table{Device: "/dev/sda", Kind: "fdisk", Script: []byte("part 1 1G 5\npart 2 1G 82\npart 3 10G 83\npart 5 1G 83\n")})
		Expect(err).NotTo(HaveOccurred())
	}
	tree := func(dir string) machine.Tree {
		t, err := disk.Tree(dir)
		Expect(err).NotTo(HaveOccurred())
		return t
	}
	put := func(path, text string) { Expect(os.WriteFile(path, []byte(text), 0o700)).To(Succeed()) }

	BeforeEach(func() {
		cfg = dirdisk.Config{Root: filepath.Join(GinkgoT().TempDir(), "disk")}
		disk = open()
	})

	It("is readable by its owner only", func() {
		info, err := os.Stat(cfg.Root)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o700)))
	})

	It("has no partition before it has a table", func() {
		Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(MatchError("format /dev/sda3: the disk has no partition table"))
	})

	Context("when it is partitioned", func() {
		BeforeEach(partition)

		DescribeTable("names what cannot be formatted",
			func(device, fs, want string) {
				Expect(disk.Format(ctx, device, fs, "")).To(MatchError(ContainSubstring(want)))
			},
			Entry("a partition that is not there", "/dev/sda4", "ext4", "/dev/sda4: no such partition (the table of /dev/sda has 1, 2, 3, 5)"),
			Entry("another disk", "/dev/sdb1", "ext4", "/dev/sdb1 is no partition of /dev/sda"),
			Entry("an extended partition", "/dev/sda1", "ext4", "extended"),
			Entry("a file system of an impossible name", "/dev/sda3", "../x", "no file system"),
		)

		It("mounts only what is formatted, with its own file system", func() {
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(MatchError(ContainSubstring("/dev/sda3: it holds no file system")))
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "-b 4096")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "xfs")).To(MatchError(ContainSubstring("it holds ext4, not xfs")))
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
			Expect(tree("/mnt/dest/").Path).To(Equal(filepath.Join(cfg.Root, "part/3")))
			Expect(disk.Filesystem("/dev/sda3")).To(Equal("ext4"))
		})

		It("makes swap areas, which cannot be mounted", func() {
			Expect(disk.Swap(ctx, "/dev/sda2")).To(Succeed())
			Expect(disk.Filesystem("/dev/sda2")).To(Equal("swap"))
			Expect(disk.Mount(ctx, "/dev/sda2", "/mnt", "")).To(MatchError(ContainSubstring("swap")))
		})

		It("has nothing mounted in another boot, but keeps its files", func() {
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
			put(filepath.Join(tree("/mnt/dest").Path, "f"), "kept")
			disk = open()
			_, err := disk.Tree("/mnt/dest")
			Expect(err).To(MatchError("nothing is mounted on /mnt/dest"))
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
			Expect(filepath.Join(tree("/mnt/dest").Path, "f")).To(BeAnExistingFile())
		})
	})

	Context("when its partition is mounted", func() {
		BeforeEach(func() {
			partition()
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
		})

		It("takes every step a second time", func() {
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
			Expect(disk.Umount(ctx, "/mnt/dest")).To(Succeed())
			Expect(disk.Umount(ctx, "/mnt/dest")).To(Succeed())
			Expect(disk.Sync(ctx)).To(Succeed())
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
			partition()
		})

		It("mounts nothing else there", func() {
			Expect(disk.Format(ctx, "/dev/sda5", "ext4", "")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda5", "/mnt/dest", "ext4")).To(MatchError(ContainSubstring("partition 3 is mounted on /mnt/dest")))
		})

		It("empties and unmounts it with the next format, read-only directories too", func() {
			dir := filepath.Join(tree("/mnt/dest").Path, "ro")
			Expect(os.Mkdir(dir, 0o700)).To(Succeed())
			put(filepath.Join(dir, "f"), "x")
			Expect(os.Chmod(dir, 0o500)).To(Succeed())
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
			Expect(dir).NotTo(BeAnExistingFile())
			_, err := disk.Tree("/mnt/dest")
			Expect(err).To(HaveOccurred())
		})

		It("finds directories below the mount as the system there would", func() {
			base := tree("/mnt/dest").Path
			Expect(os.MkdirAll(filepath.Join(base, "data/home"), 0o755)).To(Succeed())
			Expect(os.Symlink("/data/home", filepath.Join(base, "home"))).To(Succeed())
			Expect(tree("/mnt/dest/home").Path).To(Equal(filepath.Join(base, "data/home")))
		})

		It("runs a script of its memory, with real paths for its own", func() {
			mem, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			put(filepath.Join(mem.Path, "go.sh"), "#!/bin/sh\npwd\necho $1 $2\necho done > $KADEPLOY_ENV_EXTRACTION_DIR/flag\n")
			out, err := disk.RunScript(ctx, machine.Script{
				Dir: "/rambin", Line: "go.sh /rambin  /etc",
				Env: map[string]string{"KADEPLOY_ENV_EXTRACTION_DIR": "/mnt/dest"},
			})
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Fields(out)).To(Equal([]string{mem.Path, mem.Path, "/etc"}))
			Expect(filepath.Join(tree("/mnt/dest").Path, "flag")).To(BeAnExistingFile())
		})

		DescribeTable("runs no script",
			func(line, want string) {
				mem, err := disk.Scratch("/rambin")
				Expect(err).NotTo(HaveOccurred())
				Expect(os.WriteFile(filepath.Join(mem.Path, "data"), nil, 0o644)).To(Succeed())
				Expect(os.Symlink("/bin/sh", filepath.Join(mem.Path, "sh"))).To(Succeed())
				_, err = disk.RunScript(ctx, machine.Script{Dir: "/rambin", Line: line})
				Expect(err).To(MatchError(ContainSubstring(want)))
			},
			Entry("outside the archive", "../../x", "inside the archive"),
			Entry("of an absolute path", "/bin/sh", "inside the archive"),
			Entry("behind a link that leaves the archive", "sh", "no such file"),
			Entry("that is not there", "nothing arg", "nothing: no such file in the archive"),
			Entry("that is not executable", "data", "not executable"),
			Entry("without a name", "  ", "missing"),
		)

		It("forgets its memory with the boot", func() {
			mem, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			put(filepath.Join(mem.Path, "old"), "x")
			again, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			Expect(filepath.Join(again.Path, "old")).To(BeAnExistingFile(), "one boot, one memory")
			disk = open()
			mem, err = disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			Expect(filepath.Join(mem.Path, "old")).NotTo(BeAnExistingFile())
		})

		It("has the deployment system's own root in the same memory", func() {
			put(filepath.Join(tree("/").Path, "motd"), "x")
			mem, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			Expect(filepath.Join(mem.Path, "../motd")).To(BeAnExistingFile())
		})

		It("makes directories for archives below the mount, on the disk", func() {
			below, err := disk.Scratch("/mnt/dest/srv/install")
			Expect(err).NotTo(HaveOccurred())
			Expect(below.Path).To(Equal(filepath.Join(cfg.Root, "part/3/srv/install")))
		})

		It("holds a raw image once that is complete, and no file system then", func() {
			dev, err := disk.Device("/dev/sda3", 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(dev.Write([]byte("image"))).To(Equal(5))
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(MatchError(ContainSubstring("no file system")))
			Expect(dev.Commit(ctx)).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(MatchError(ContainSubstring("raw image")))
			Expect(os.ReadFile(filepath.Join(cfg.Root, "raw/3"))).To(Equal([]byte("image")))
		})

		It("reads an image back on request, and finds what the disk has made of it", func() {
			for _, broken := range []bool{false, true} {
				dev, err := disk.Device("/dev/sda3", 0)
				Expect(err).NotTo(HaveOccurred())
				dev.Verify()
				_, err = dev.Write(make([]byte, 5<<20))
				Expect(err).NotTo(HaveOccurred())
				if !broken {
					Expect(dev.Commit(ctx)).To(Succeed())
					continue
				}
				f, err := os.OpenFile(filepath.Join(cfg.Root, "raw", "3"), os.O_WRONLY, 0)
				Expect(err).NotTo(HaveOccurred())
				_, err = f.WriteAt([]byte{1}, 4<<20+77)
				Expect(err).NotTo(HaveOccurred())
				Expect(f.Close()).To(Succeed())
				Expect(dev.Commit(ctx)).To(MatchError(ContainSubstring("does not hold what was written from byte 4194304 to 5242879")))
			}
		})

		It("stays as it is when an image is larger than the disk", func() {
			cfg.Capacity = 1 << 20
			small := open()
			_, err := small.Device("/dev/sda3", 1<<20+1)
			Expect(err).To(MatchError(syscall.ENOSPC))
			_, ok := small.PartitionDir("/dev/sda3")
			Expect(ok).To(BeTrue())
		})

		It("loses its partitions to an image of the whole disk", func() {
			dev, err := disk.Device("/dev/sda", 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(dev.Write([]byte("whole"))).To(Equal(5))
			Expect(dev.Commit(ctx)).To(Succeed())
			_, ok := disk.PartitionDir("/dev/sda3")
			Expect(ok).To(BeFalse())
			Expect(os.ReadFile(filepath.Join(cfg.Root, "raw/0"))).To(Equal([]byte("whole")))
		})
	})

	Context("when it is slow", func() {
		BeforeEach(func() {
			cfg.Rate = 1 << 20
			disk = open()
			partition()
			Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(Succeed())
		})
		taking := func(write func()) time.Duration {
			start := time.Now()
			write()
			return time.Since(start)
		}

		It("takes archives at its rate, and raw images", func() {
			Expect(taking(func() { Expect(tree("/mnt/dest").Budget.Take(128 << 10)).To(Succeed()) })).To(BeNumerically(">=", 125*time.Millisecond))
			dev, err := disk.Device("/dev/sda5", 0)
			Expect(err).NotTo(HaveOccurred())
			defer dev.Close()
			Expect(taking(func() { Expect(dev.Write(make([]byte, 128<<10))).To(Equal(128 << 10)) })).To(BeNumerically(">=", 125*time.Millisecond))
		})

		It("has one head: who writes beside another waits for both", func() {
			Expect(taking(func() {
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() { _ = tree("/mnt/dest").Budget.Take(64 << 10) })
				}
				both.Wait()
			})).To(BeNumerically(">=", 125*time.Millisecond))
		})

		It("is as fast as ever in memory, and no less full", func() {
			mem, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			Expect(taking(func() { Expect(mem.Budget.Take(512 << 20)).To(Succeed()) })).To(BeNumerically("<", time.Minute))
			cfg.Capacity = 64 << 10
			disk = open()
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(Succeed())
			Expect(tree("/mnt/dest").Budget.Take(65 << 10)).To(MatchError(syscall.ENOSPC))
		})
	})

	Context("when it is small", func() {
		BeforeEach(func() {
			cfg.Capacity = 64 << 10
			disk = open()
			partition()
			for _, device := range []string{"/dev/sda3", "/dev/sda5"} {
				Expect(disk.Format(ctx, device, "ext4", "")).To(Succeed())
			}
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(Succeed())
			Expect(disk.Mount(ctx, "/dev/sda5", "/mnt/tmp", "")).To(Succeed())
		})

		It("is full when all partitions together hold its capacity", func() {
			Expect(tree("/mnt/dest").Budget.Take(40 << 10)).To(Succeed())
			err := tree("/mnt/tmp").Budget.Take(40 << 10)
			Expect(err).To(And(MatchError(syscall.ENOSPC), MatchError(ContainSubstring("no space left on device"))))
		})

		It("counts what is there already, and what a script wrote", func() {
			put(filepath.Join(tree("/mnt/tmp").Path, "old"), strings.Repeat("x", 50<<10))
			disk = open()
			Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "")).To(Succeed())
			Expect(tree("/mnt/dest").Budget.Take(20 << 10)).To(MatchError(syscall.ENOSPC))
			mem, err := disk.Scratch("/rambin")
			Expect(err).NotTo(HaveOccurred())
			put(filepath.Join(mem.Path, "fill"), "#!/bin/sh\nhead -c 50000 /dev/zero | tr '\\0' x > $KADEPLOY_ENV_EXTRACTION_DIR/fill\n")
			_, err = disk.RunScript(ctx, machine.Script{Dir: "/rambin", Line: "fill", Env: map[string]string{"KADEPLOY_ENV_EXTRACTION_DIR": "/mnt/dest"}})
			Expect(err).To(MatchError(syscall.ENOSPC))
		})

		It("has room again after a format", func() {
			put(filepath.Join(tree("/mnt/tmp").Path, "old"), strings.Repeat("x", 50<<10))
			Expect(disk.Format(ctx, "/dev/sda5", "ext4", "")).To(Succeed())
			Expect(tree("/mnt/dest").Budget.Take(50 << 10)).To(Succeed())
		})

		It("stops a raw image that is too large", func() {
			dev, err := disk.Device("/dev/sda5", 0)
			Expect(err).NotTo(HaveOccurred())
			defer dev.Close()
			_, err = dev.Write(make([]byte, 65<<10))
			Expect(err).To(MatchError(syscall.ENOSPC))
		})
	})
})
