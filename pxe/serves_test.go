package pxe_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("What machines may fetch", func() {
	const url = "http://10.77.0.1:25302"
	var (
		root string
		dir  *pxe.Dir
	)
	open := func() {
		GinkgoHelper()
		var err error
		dir, err = pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: "pxelinux.cfg", Loaders: []string{"pxelinux.0"}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(dir.Close)
	}
	BeforeEach(func() {
		root = GinkgoT().TempDir()
		open()
	})
	node := func(language pxe.Language) pxe.Node {
		return pxe.Node{Name: "node-1.lab", Addr: addr, MAC: mac, Loader: pxe.Loader{Language: language, URL: url}}
	}
	deployment := pxe.Deployment("kernels/vmlinuz", []string{"kernels/a", "kernels/b"}, "quiet kernels/secret url=http://10.77.0.1/kernels/secret")
	xen := pxe.Profile{Kind: pxe.Xen, Hypervisor: "kernels/vmlinuz", HypervisorArgs: "kernels/secret", Kernel: "kernels/a", Args: "x kernels/secret", Initrds: []string{"kernels/b"}}

	DescribeTable("is what a profile names, and not what is in the parameters of its kernel",
		func(language pxe.Language, p pxe.Profile) {
			Expect(dir.Write(node(language), p)).To(Succeed())
			for _, name := range []string{"kernels/vmlinuz", "kernels/a", "kernels/b"} {
				Expect(dir.Serves(name)).To(BeTrue(), name)
			}
			Expect(dir.Serves("kernels/secret")).To(BeFalse())

			Expect(dir.Write(node(language), pxe.FromDisk())).To(Succeed())
			Expect(dir.Serves("kernels/vmlinuz")).To(BeFalse(), "no profile names it any more")
		},
		Entry("PXELINUX", pxe.PXELINUX, deployment),
		Entry("iPXE", pxe.IPXE, deployment),
		Entry("GRUB", pxe.GRUB, deployment),
		Entry("PXELINUX, Xen", pxe.PXELINUX, xen),
		Entry("iPXE, Xen", pxe.IPXE, xen),
		Entry("GRUB, Xen", pxe.GRUB, xen),
	)

	It("is a file as long as one profile names it", func() {
		other := pxe.Node{Name: "node-2.lab", Addr: addr.Next()}
		Expect(dir.Write(node(pxe.PXELINUX), deployment)).To(Succeed())
		Expect(dir.Write(other, deployment)).To(Succeed())
		Expect(dir.Write(other, deployment)).To(Succeed())
		Expect(dir.Remove(other)).To(Succeed())
		Expect(dir.Serves("kernels/vmlinuz")).To(BeTrue())
		Expect(dir.Remove(node(pxe.PXELINUX))).To(Succeed())
		Expect(dir.Serves("kernels/vmlinuz")).To(BeFalse())
	})

	It("is a loader, a profile and a first stage, and nothing else", func() {
		for _, name := range []string{"pxelinux.0", "boot.ipxe", "grub/grub.cfg", "grub/grub.cfg-10.77.0.11", "ipxe/10.77.0.11.ipxe", "pxelinux.cfg/default"} {
			Expect(dir.Serves(name)).To(BeTrue(), name)
		}
		for _, name := range []string{"kernels/vmlinuz", "pxelinux.cfg/.new-ABC", "pxelinux.cfg/deep/file", "secret", "ldlinux.c32"} {
			Expect(dir.Serves(name)).To(BeFalse(), name)
		}
	})

	It("is what profiles name that a site writes by hand, or that a server before this one has written", func() {
		Expect(os.WriteFile(filepath.Join(root, "pxelinux.cfg", "default"), []byte("DEFAULT a\nLABEL a\nKERNEL rescue/vmlinuz\nINITRD rescue/a,/rescue/b\nINCLUDE common.cfg\n"), 0o644)).To(Succeed())
		Expect(dir.Serves("rescue/b")).To(BeFalse(), "nobody has asked for the profile")
		Expect(dir.Serves("pxelinux.cfg/default")).To(BeTrue())
		for _, name := range []string{"rescue/vmlinuz", "rescue/a", "rescue/b", "common.cfg"} {
			Expect(dir.Serves(name)).To(BeTrue(), name)
		}
	})

	It("has a profile in one language only, that of the node today", func() {
		Expect(dir.Write(node(pxe.PXELINUX), deployment)).To(Succeed())
		Expect(dir.Write(node(pxe.IPXE), deployment)).To(Succeed())
		Expect(filepath.Join(root, "pxelinux.cfg", "0A4D000B")).NotTo(BeAnExistingFile())
		Expect(filepath.Join(root, "ipxe", "10.77.0.11.ipxe")).To(BeARegularFile())
	})

	It("is led to by a first stage for each loader", func() {
		Expect(os.ReadFile(filepath.Join(root, "boot.ipxe"))).To(ContainSubstring("ipxe/${netX/ip}.ipxe"))
		Expect(os.ReadFile(filepath.Join(root, "grub", "grub.cfg"))).To(ContainSubstring("configfile (tftp)/grub/grub.cfg-$net_default_ip"))
	})

	DescribeTable("is named as the loader can spell it",
		func(naming pxe.Naming, language pxe.Language, want string) {
			d, err := pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: "pxelinux.cfg", Naming: naming})
			Expect(err).NotTo(HaveOccurred())
			defer d.Close()
			n := node(language)
			n.UUID = "6A2F41A3-C54C-FCE8-32D2-0324E1C32E22"
			path, err := d.Path(n)
			Expect(err).NotTo(HaveOccurred())
			Expect(filepath.Rel(root, path)).To(Equal(want))
		},
		Entry("PXELINUX by UUID, whose first groups it reads backwards", pxe.UUID, pxe.PXELINUX, "pxelinux.cfg/a3412f6a-4cc5-e8fc-32d2-0324e1c32e22"),
		Entry("iPXE by address", pxe.IPHex, pxe.IPXE, "ipxe/10.77.0.11.ipxe"),
		Entry("iPXE by hardware address", pxe.MAC, pxe.IPXE, "ipxe/01-aa-bb-cc-00-11-22.ipxe"),
		Entry("iPXE by UUID", pxe.UUID, pxe.IPXE, "ipxe/6a2f41a3-c54c-fce8-32d2-0324e1c32e22.ipxe"),
		Entry("iPXE by name", pxe.HostnameShort, pxe.IPXE, "ipxe/node-1.ipxe"),
		Entry("GRUB by address", pxe.IP, pxe.GRUB, "grub/grub.cfg-10.77.0.11"),
		Entry("GRUB by hardware address", pxe.MAC, pxe.GRUB, "grub/grub.cfg-aa:bb:cc:00:11:22"),
		Entry("GRUB, which knows no names", pxe.Hostname, pxe.GRUB, "grub/grub.cfg-10.77.0.11"),
	)

	DescribeTable("has the address in its name where PXELINUX takes the machine's UUID for none", func(uuid, want string) {
		d, err := pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: "pxelinux.cfg", Naming: pxe.UUID})
		Expect(err).NotTo(HaveOccurred())
		defer d.Close()
		n := node(pxe.PXELINUX)
		n.UUID = uuid
		path, err := d.Path(n)
		Expect(err).NotTo(HaveOccurred())
		Expect(filepath.Rel(root, path)).To(Equal(want))
	},
		Entry("0b", "3ad02200-106a-470b-a3ed-e61c58328bd5", "pxelinux.cfg/0A4D000B"),
		Entry("fc", "43c31444-64ed-4afc-abe7-9a222f8155bf", "pxelinux.cfg/0A4D000B"),
		Entry("but not 10", "43c31444-64ed-4a10-abe7-9a222f8155bf", "pxelinux.cfg/4414c343-ed64-104a-abe7-9a222f8155bf"),
		Entry("nor ef", "43c31444-64ed-4aef-abe7-9a222f8155bf", "pxelinux.cfg/4414c343-ed64-ef4a-abe7-9a222f8155bf"),
	)
})
