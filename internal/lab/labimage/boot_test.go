//go:build lab

package labimage_test

import (
	"context"
	"os"
	"os/exec"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

var _ = Describe("The images", func() {
	kernel := func() lab.Kernel {
		GinkgoHelper()
		k, err := lab.HostKernel()
		Expect(err).NotTo(HaveOccurred())
		return k
	}

	It("are a disk that boots by its own loader", func() {
		path, err := labimage.WholeDisk(kernel(), "whole")
		Expect(err).NotTo(HaveOccurred())
		l, err := lab.New(lab.Config{Machines: []lab.MachineConfig{{}}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		m := l.Machines[0]
		Expect(exec.Command("sh", "-c", "zstd -qdc "+path+" | dd status=none conv=notrunc of="+m.Disk()).Run()).To(Succeed())
		Expect(l.StartDHCP(lab.DHCP{})).To(Succeed())
		Expect(m.On()).To(Succeed())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		_, err = m.Serial.Wait(ctx, 0, `LAB-SYSTEM image=whole root=/dev/vda1 addr=10\.83\.1\.1 cmdline=\[.*loader=grub`)
		Expect(err).NotTo(HaveOccurred())
	})

	It("are an archive with a kernel and an initrd, made once", func() {
		first, err := labimage.Tiny(kernel(), "one")
		Expect(err).NotTo(HaveOccurred())
		before, err := os.Stat(first)
		Expect(err).NotTo(HaveOccurred())
		Expect(before.Size()).To(BeNumerically("<", 20<<20))
		names, err := exec.Command("tar", "--zstd", "-tf", first).Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(names)).To(And(ContainSubstring("./vmlinuz\n"), ContainSubstring("./initrd.img\n"), ContainSubstring("./sbin/init\n")))
		Expect(labimage.Tiny(kernel(), "one")).To(Equal(first))
		after, err := os.Stat(first)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.ModTime()).To(Equal(before.ModTime()))
	})
})
