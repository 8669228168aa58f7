package actors_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A site with a layout of its disks", func() {
	siteOf := func(layout string) *site {
		GinkgoHelper()
		s := plannedSite(GinkgoT().TempDir(), blueprint{nodes: 1, cluster: map[string]string{
			"partition_creation_kind": "layout", "partition_file": "layout.hcl",
			"deploy_part": unsaid, "prod_part": unsaid, "swap_part": unsaid, "tmp_part": unsaid,
		}})
		s.write()
		s.file("layout.hcl", layout)
		s.start()
		DeferCleanup(s.close)
		return s
	}

	It("deploys to the partition that has the role", func() {
		s := siteOf(`
			partition "bios_grub" { size = "1MiB" }
			partition "swap"      { size = "2GiB" }
			partition "none"      { size = "10%" }
			partition "deploy"    { size = "rest" }`)
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(s.root("node-1")).To(HaveSuffix("part/4"))
	})

	const volumes = `
		partition "lvm" "vg0" { size = "rest" }
		volume_group "vg0" {
			volume "root" "deploy" { size = "rest" }
		}`

	It("is told that a sandbox machine has no LVM", func() {
		s := siteOf(volumes)
		ko := s.run(s.deployment()).report("node-1")
		Expect(ko.GetState()).To(HaveSuffix("/create_partition_table"))
		Expect(ko.GetCause()).To(ContainSubstring("volume_group vg0: a sandbox node has one disk with partitions"))
	})

	It("plans the loss of every disk of the layout", func() {
		s := siteOf(`disks = ["/dev/sda", "/dev/sdb"]` + volumes)
		r := s.deployment()
		r.DryRun = true
		disks := s.client().ask(r).(*message.Checked).GetDisks()
		Expect(disks).To(HaveLen(2))
		Expect([]string{disks[0].GetDevice(), disks[1].GetDevice()}).To(Equal([]string{"/dev/sda", "/dev/sdb"}))
		Expect(disks[1].GetText()).To(Equal("partition table, arrays and volumes replaced by the layout"))
	})

	It("refuses what cannot find its volume", func() {
		s := siteOf(volumes)
		r := s.deployment()
		r.NoPartitioning = true
		Expect(s.client().refused(r).GetText()).To(ContainSubstring("/dev/vg0/root is there only after its layout was made"))
		r = s.deployment()
		r.Environment = []byte(strings.Replace(description("image.tar|tar"), "initrd : /initrd.img\n", "", 1))
		Expect(s.client().refused(r).GetText()).To(ContainSubstring("has no initrd"))
	})
})
