package pxe_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
)

// KADEPLOY_REWRITE=1 writes the golden files anew, to be reviewed as a diff.
func golden(name, got string) {
	GinkgoHelper()
	path := filepath.Join("testdata", name+".cfg")
	if os.Getenv("KADEPLOY_REWRITE") != "" {
		Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(string(want)))
}

var _ = Describe("A boot profile", func() {
	DescribeTable("is the text that the firmware reads, and is read back as the same profile",
		func(name string, p pxe.Profile) {
			text, err := p.Render()
			Expect(err).NotTo(HaveOccurred())
			golden(name, text)

			back, err := pxe.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			p.Header = ""
			Expect(back).To(Equal(p))
		},
		Entry("of the deployment system", "deployment", pxe.Deployment("kernels/deploy-vmlinuz", []string{"kernels/deploy-initrd", "kernels/site.cpio"},
			"console=ttyS0 panic=10 kadeploy.server=10.77.0.1:25301 kadeploy.node=node-1.lab kadeploy.token=GEZDGNBVGY3TQOJQ")),
		Entry("of a deployed system", "deployed", pxe.Deployed("kernels/e-00aa11bb22cc33dd--vmlinuz", "kernels/e-00aa11bb22cc33dd--initrd.img", "/dev/sda3", "console=ttyS0 quiet")),
		Entry("of a deployed system without initrd or parameters", "deployed-bare", pxe.Deployed("kernels/vmlinuz", "", "/dev/nvme0n1p3", "")),
		Entry("of a deployed Xen", "xen", pxe.Profile{Kind: pxe.Xen, Hypervisor: "kernels/xen.gz", HypervisorArgs: "dom0_mem=512M", Kernel: "kernels/vmlinuz", Args: "root=/dev/sda3 ro", Initrds: []string{"kernels/initrd.img"}}),
		Entry("that boots from the disk", "local", pxe.FromDisk()),
		Entry("that boots from the first disk by number", "local-drive", pxe.Profile{Kind: pxe.LocalBoot, Drive: 0x80}),
		Entry("that starts a partition's boot sector", "chainload", pxe.Profile{Kind: pxe.Chainload, Disk: 0, Partition: 3}),
		Entry("that starts a disk's boot sector", "chainload-disk", pxe.Profile{Kind: pxe.Chainload, Disk: 1}),
		Entry("with the site's header", "header", pxe.Profile{Header: "PROMPT 1\nSERIAL 0 38400\nTIMEOUT 50\n", Kind: pxe.LocalBoot, Drive: -1}),
	)

	DescribeTable("is refused when a value could say something of its own",
		func(p pxe.Profile, why string) {
			text, err := p.Render()
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(err.Error()).NotTo(ContainSubstring("\n"))
			Expect(text).To(BeEmpty())
		},
		Entry("no kernel", pxe.Profile{}, "no kernel"),
		Entry("a line in the parameters", pxe.Deployment("k", nil, "quiet\nKERNEL evil"), "control character"),
		Entry("a return in the parameters", pxe.Deployment("k", nil, "quiet\rKERNEL evil"), "control character"),
		Entry("a zero byte in the parameters", pxe.Deployment("k", nil, "quiet\x00"), "control character"),
		Entry("a line in the kernel", pxe.Deployment("k\nLABEL x", nil, ""), "cannot name"),
		Entry("a blank in the kernel", pxe.Deployment("k init=/bin/sh", nil, ""), "cannot name"),
		Entry("a module as kernel", pxe.Deployment("chain.c32", nil, "hd0"), "module"),
		Entry("a comma in an initrd", pxe.Deployment("k", []string{"a,b"}, ""), "cannot name"),
		Entry("a blank in an initrd", pxe.Deployment("k", []string{"a root=/dev/sdb"}, ""), "cannot name"),
		Entry("an empty initrd", pxe.Deployment("k", []string{""}, ""), "no initrd"),
		Entry("an initrd among the parameters", pxe.Deployment("k", nil, "quiet initrd=evil"), "initrd=evil"),
		Entry("a line in the root device", pxe.Deployed("k", "", "/dev/sda3\nKERNEL evil", ""), "control character"),
		Entry("another module for Xen", pxe.Profile{Kind: pxe.Xen, Kernel: "k", Hypervisor: "x", Args: "a --- evil"}, "separates modules"),
		Entry("Xen without hypervisor", pxe.Profile{Kind: pxe.Xen, Kernel: "k"}, "no hypervisor"),
		Entry("parameters longer than a kernel keeps", pxe.Deployment("k", []string{"i"}, strings.Repeat("a", 2040)), "command line is 2049 bytes"),
		Entry("a header that boots", pxe.Profile{Header: "PROMPT 0\n  Default evil", Kind: pxe.LocalBoot}, `may not say "Default evil"`),
		Entry("a header that includes", pxe.Profile{Header: "INCLUDE evil.cfg", Kind: pxe.LocalBoot}, "may not say"),
		Entry("a drive out of range", pxe.Profile{Kind: pxe.LocalBoot, Drive: 256}, "LOCALBOOT type 256"),
		Entry("a disk out of range", pxe.Profile{Kind: pxe.Chainload, Disk: -1}, "out of chain.c32's range"),
		Entry("an unknown kind", pxe.Profile{Kind: 99}, "unknown kind"),
	)

	It("keeps a command line of exactly what a kernel keeps", func() {
		_, err := pxe.Deployment("k", []string{"i"}, strings.Repeat("a", 2047-len("initrd=i "))).Render()
		Expect(err).NotTo(HaveOccurred())
	})
})
