package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/probe"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("A deployed system", func() {
	var (
		s      *site
		n      sandbox.Node
		r      *sandbox.Rack
		kernel = bytes.Repeat([]byte("linux 6.12 "), 50_000)
	)
	BeforeEach(func() {
		s, n = newSite(), node(1)
		r = s.rack(n)
		s.file("boot/e-0123--vmlinuz", kernel)
	})

	// install makes the disk what an agent would have: partitions 1, 3 and 13, the files on the third.
	install := func(files map[string]string) {
		GinkgoHelper()
		ctx := context.Background()
		disk := must(dirdisk.Open(dirdisk.Config{Root: filepath.Join(s.disks, n.Name)}))
		_, err := disk.Partition(ctx, machine.Table{Device: "/dev/sda", Kind: "fdisk", Script: []byte("part 1 1G 82\npart 3 4G 83\npart 13 4G 83\n")})
		Expect(err).NotTo(HaveOccurred())
		Expect(disk.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
		Expect(disk.Mount(ctx, "/dev/sda3", "/mnt/dest", "ext4")).To(Succeed())
		tree := must(disk.Tree("/mnt/dest"))
		for name, content := range files {
			path := filepath.Join(tree.Path, name)
			Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
			Expect(os.WriteFile(path, []byte(content), 0o644)).To(Succeed())
		}
	}
	debian := func() map[string]string {
		return map[string]string{"etc/os-release": "ID=debian\n", "boot/vmlinuz-6.12": string(kernel), "boot/initrd.img-6.12": "initrd"}
	}
	boot := func(root, params string) {
		GinkgoHelper()
		s.boots(hex(n), pxe.Deployed("boot/e-0123--vmlinuz", "", root, params))
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
	}
	up := func() bool {
		ok, _ := probe.UserSystem(context.Background(), n.Addr, n.SSHPort, freePort(n.Addr))
		return ok
	}

	It("is up for the server's probe, and greets like an ssh server", func() {
		install(debian())
		boot("/dev/sda3", "console=ttyS0")
		Eventually(up).Should(BeTrue())

		conn := must(net.Dial("tcp", netip.AddrPortFrom(n.Addr, uint16(n.SSHPort)).String()))
		defer conn.Close()
		Expect(bufio.NewReader(conn).ReadString('\n')).To(Equal("SSH-2.0-sandbox\r\n"))
		Expect(r.Console(n.Name)).To(ContainElement("kernel: /boot/vmlinuz-6.12 of /dev/sda3, root file system mounted"))
	})

	It("is gone with the power, and answers soft orders until then", func() {
		install(debian())
		boot("/dev/sda3", "")
		Eventually(up).Should(BeTrue())
		Expect(do(r, n, power.OpReboot, power.Soft)).To(Succeed())
		Eventually(up).Should(BeTrue())
		Expect(do(r, n, power.OpOff, power.Soft)).To(Succeed())
		ok, why := probe.UserSystem(context.Background(), n.Addr, n.SSHPort, freePort(n.Addr))
		Expect(ok).To(BeFalse())
		Expect(why).To(ContainSubstring("refused"))
	})

	It("boots whatever its kernel's file is called", func() {
		files := debian()
		delete(files, "boot/vmlinuz-6.12")
		files["usr/lib/modules/6.12/vmlinuz"] = string(kernel)
		install(files)
		boot("/dev/sda3", "")
		Eventually(up).Should(BeTrue())
	})

	DescribeTable("panics when what it boots on is not what was asked for",
		func(root string, change func(files map[string]string), why string) {
			files := debian()
			change(files)
			install(files)
			boot(root, "")
			Eventually(lastLine(r, n)).Should(
				And(HavePrefix("kernel panic: "), ContainSubstring(why)))
			Expect(up()).To(BeFalse())
			Expect(do(r, n, power.OpReboot, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
		},
		Entry("another image's kernel", "/dev/sda3", func(f map[string]string) {
			f["boot/vmlinuz-6.12"] = string(bytes.ReplaceAll(kernel, []byte("6.12"), []byte("6.13")))
		}, "/dev/sda3: the kernel from the network is none of its files"),
		Entry("no kernel", "/dev/sda3", func(f map[string]string) { delete(f, "boot/vmlinuz-6.12") }, "none of its files"),
		Entry("a partition that does not exist", "/dev/sda4", func(map[string]string) {}, "/dev/sda4: no such partition"),
		Entry("a partition that was not formatted", "/dev/sda1", func(map[string]string) {}, "/dev/sda1: no such partition, or it holds no file system"),
		Entry("no operating system", "/dev/sda3", func(f map[string]string) { delete(f, "etc/os-release") }, "no init found"),
	)

	It("panics without a disk that was ever written", func() {
		boot("/dev/sda3", "")
		Eventually(screen(r, n)).Should(HaveSuffix("kernel panic: unable to mount root /dev/sda3: no such partition, or it holds no file system"))
	})

	It("panics without root=", func() {
		install(debian())
		s.boots(hex(n), pxe.Deployment("boot/e-0123--vmlinuz", nil, "quiet"))
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(screen(r, n)).Should(HaveSuffix("kernel panic: no root= on the command line"))
	})

	It("does not take a link that leaves the file system for its kernel", func() {
		files := debian()
		delete(files, "boot/vmlinuz-6.12")
		install(files)
		outside := filepath.Join(GinkgoT().TempDir(), "vmlinuz")
		Expect(os.WriteFile(outside, kernel, 0o644)).To(Succeed())
		Expect(os.Symlink(outside, filepath.Join(s.disks, n.Name, "part/3/boot/vmlinuz"))).To(Succeed())
		boot("/dev/sda3", "")
		Eventually(screen(r, n)).Should(HaveSuffix("none of its files"))
		s.boots(hex(n), pxe.FromDisk())
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		Eventually(screen(r, n)).Should(ContainSubstring("local boot: no bootable partition"))
	})

	It("hangs when its ssh port is taken", func() {
		install(debian())
		taken := must(net.Listen("tcp", netip.AddrPortFrom(n.Addr, uint16(n.SSHPort)).String()))
		DeferCleanup(taken.Close)
		boot("/dev/sda3", "")
		Eventually(screen(r, n)).Should(ContainSubstring("init: sshd: listen tcp"))
	})

	Context("when the profile leaves the boot to the disk", func() {
		DescribeTable("boots the disk's own kernel",
			func(p pxe.Profile, lastLine string) {
				install(debian())
				s.boots(hex(n), p)
				Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
				Eventually(screen(r, n)).Should(ContainSubstring(lastLine))
			},
			Entry("of the first partition that has one", pxe.FromDisk(), "kernel: /boot/vmlinuz-6.12 of /dev/sda3"),
			Entry("of the partition named", pxe.Profile{Kind: pxe.Chainload, Partition: 3}, "init: sshd listens"),
			Entry("of no other", pxe.Profile{Kind: pxe.Chainload, Partition: 13}, "local boot: no bootable partition"),
		)

		It("hangs with an empty disk", func() {
			s.boots(hex(n), pxe.FromDisk())
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			Eventually(screen(r, n)).Should(ContainSubstring("local boot: no bootable partition"))
		})
	})
})
