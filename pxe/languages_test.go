package pxe_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("A boot profile in another language", func() {
	const url = "http://10.77.0.1:25302"
	var (
		ipxeBIOS = pxe.Loader{Language: pxe.IPXE, Firmware: pxe.BIOS, URL: url}
		ipxeUEFI = pxe.Loader{Language: pxe.IPXE, Firmware: pxe.UEFI, URL: url}
		grubBIOS = pxe.Loader{Language: pxe.GRUB, Firmware: pxe.BIOS}
		grubUEFI = pxe.Loader{Language: pxe.GRUB, Firmware: pxe.UEFI}

		deployment = pxe.Deployment("kernels/deploy-vmlinuz", []string{"kernels/deploy-initrd", "kernels/site.cpio"}, "panic=10 console=ttyS0 mem=1G;2G")
		xen        = pxe.Profile{Kind: pxe.Xen, Hypervisor: "kernels/xen.gz", HypervisorArgs: "dom0_mem=512M", Kernel: "kernels/vmlinuz", Args: "root=/dev/sda3 ro", Initrds: []string{"kernels/initrd.img"}}
	)

	DescribeTable("says the same in the words of the loader",
		func(name string, l pxe.Loader, p pxe.Profile) {
			text, err := l.Render(p)
			Expect(err).NotTo(HaveOccurred())
			golden(name, text)
		},
		Entry("iPXE, the deployment system, BIOS", "ipxe-deployment", ipxeBIOS, deployment),
		Entry("iPXE, the deployment system, UEFI", "ipxe-deployment-uefi", ipxeUEFI, deployment),
		Entry("iPXE, a name that a URL must escape", "ipxe-escaped", ipxeBIOS, pxe.Deployment("kernels/e-00--a%20b?", nil, "")),
		Entry("iPXE, Xen", "ipxe-xen", ipxeBIOS, xen),
		Entry("iPXE, the disk, BIOS", "ipxe-local", ipxeBIOS, pxe.FromDisk()),
		Entry("iPXE, the second disk, BIOS", "ipxe-second", ipxeBIOS, pxe.Profile{Kind: pxe.Chainload, Disk: 1}),
		Entry("iPXE, the disk, UEFI", "ipxe-local-uefi", ipxeUEFI, pxe.FromDisk()),
		Entry("GRUB, the deployment system", "grub-deployment", grubUEFI, deployment),
		Entry("GRUB, a system without initrd", "grub-bare", grubUEFI, pxe.Deployed("kernels/vmlinuz", "", "/dev/vda1", "")),
		Entry("GRUB, Xen", "grub-xen", grubUEFI, xen),
		Entry("GRUB, the disk, BIOS", "grub-local", grubBIOS, pxe.FromDisk()),
		Entry("GRUB, a partition, BIOS", "grub-partition", grubBIOS, pxe.Profile{Kind: pxe.Chainload, Disk: 0, Partition: 3}),
		Entry("GRUB, the disk, UEFI", "grub-local-uefi", grubUEFI, pxe.FromDisk()),
	)

	DescribeTable("is refused when the loader could not say it, or would say something else",
		func(l pxe.Loader, p pxe.Profile, why string) {
			text, err := l.Render(p)
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(text).To(BeEmpty())
		},
		Entry("PXELINUX under UEFI", pxe.Loader{Language: pxe.PXELINUX, Firmware: pxe.UEFI}, deployment, "for a BIOS"),
		Entry("iPXE without a place to fetch from", pxe.Loader{Language: pxe.IPXE}, deployment, "http_listen"),
		Entry("iPXE with a setting in the parameters", ipxeBIOS, pxe.Deployment("k", nil, "a=${net0/mac}"), "${"),
		Entry("iPXE with a second command", ipxeBIOS, pxe.Deployment("k", nil, "a || shell"), "ends a command"),
		Entry("iPXE with a command after", ipxeBIOS, pxe.Deployment("k", nil, "a && shell"), "ends a command"),
		Entry("iPXE with another line", ipxeBIOS, pxe.Deployment("k", nil, "a\nshell"), "control character"),
		Entry("Xen of iPXE under UEFI", ipxeUEFI, xen, "cannot start Xen"),
		Entry("a partition's boot sector by iPXE", ipxeBIOS, pxe.Profile{Kind: pxe.Chainload, Partition: 1}, "partition 1"),
		Entry("a partition's boot sector under UEFI, by GRUB", grubUEFI, pxe.FromPartition(0, 3), "UEFI starts programs, not the boot sector of partition 3"),
		Entry("a partition's boot sector under UEFI, by iPXE", ipxeUEFI, pxe.FromPartition(0, 3), "UEFI starts programs"),
		Entry("the second disk under UEFI", grubUEFI, pxe.Profile{Kind: pxe.Chainload, Disk: 1}, "first disk"),
		Entry("GRUB with quotes", grubUEFI, pxe.Deployment("k", nil, `a="b c"`), "does not hand on"),
		Entry("GRUB with another line", grubUEFI, pxe.Deployment("k", nil, "a\nreboot"), "control character"),
		Entry("no kernel", grubUEFI, pxe.Profile{}, "no kernel"),
		Entry("a language nobody speaks", pxe.Loader{Language: "lilo"}, deployment, "unknown loader"),
	)

	It("is in quotes where GRUB would see a command", func() {
		text, err := grubUEFI.Render(pxe.Deployment("k", nil, "a;reboot {b} $c #d"))
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Split(text, "\n")[0]).To(Equal(`if linux (tftp)/k 'a;reboot' '{b}' '$c' '#d'; then`))
	})
})
