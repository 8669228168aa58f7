package config_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const layoutText = `
	disks = ["/dev/sda", "/dev/sdb"]
	partition "bios_grub"  { size = "1MiB" }
	partition "swap"       { size = "25%" }
	partition "raid" "md0" { size = "rest" }
	raid "md0" "lvm" "vg0" { level = 1 }
	volume_group "vg0" {
		volume "root" "deploy" { size = "10GiB" }
		volume "data" "tmp"    { size = "rest" }
	}`

// layoutSite is a site whose disks have a layout.
func layoutSite() files {
	return files{"deploy.conf": "", "nodes.conf": "n1 127.1.0.1 c\nn2 127.1.0.2 c block_device=/dev/sdb\n", "layout.hcl": layoutText,
		"cluster-c.conf": "power = sandbox\ndeploy_kernel = vmlinuz\ndeploy_initrd = initrd\nblock_device = /dev/sda\n" +
			"partition_creation_kind = layout\npartition_file = layout.hcl\n"}
}

var _ = Describe("A layout of disks", func() {
	hcl := files{"deploy.hcl": "", "nodes.conf": layoutSite()["nodes.conf"], "layout.hcl": layoutText,
		"cluster-c.hcl": `power = "sandbox"
			deploy_kernel = "vmlinuz"
			deploy_initrd = "initrd"
			block_device = "/dev/sda"
			partition_creation_kind = "layout"
			partition_file = "layout.hcl"`}

	DescribeTable("says by its roles what is deployed, in both syntaxes",
		func(f files) {
			s := f.load()
			n1, n2 := node(s, "n1"), node(s, "n2")
			Expect(n1.DeployDevice()).To(Equal("/dev/vg0/root"))
			Expect(n1.TmpDevice()).To(Equal("/dev/vg0/data"))
			Expect(n1.SwapDevice()).To(Equal("/dev/sda2"))
			Expect(n2.SwapDevice()).To(Equal("/dev/sdb2"))
			Expect(n1.ProdPart).To(BeEmpty())
			Expect(n1.Layout.Label).To(Equal("gpt"))
			Expect(n2.Layout).To(BeIdenticalTo(n1.Layout), "one file is read once")
		},
		Entry(nil, layoutSite()), Entry(nil, hcl),
	)

	It("may be said again by the keys", func() {
		Expect(node(layoutSite().and("cluster-c.conf", "swap_part = 2").load(), "n1").SwapPart).To(Equal("2"))
	})
})
