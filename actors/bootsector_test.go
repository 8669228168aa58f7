package actors_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("An image of a partition that nobody can mount", func() {
	const foreign = "name : raw\nversion : 1\ntarball : images/raw.img|dd\nenvironment_kind : other\nfilesystem : ufs\nfdisktype : a5\n"

	diskBooted := func(more map[string]string) blueprint {
		b := blueprint{nodes: 1, cluster: map[string]string{"bootloader": "chainload_pxe"}, global: map[string]string{}}
		for key, value := range more {
			b.cluster[key] = value
		}
		return b
	}

	DescribeTable("is started by the boot sector of its partition, and only such an image is",
		func(description string, change func(*message.Submit), more map[string]string, profile string) {
			s := newSite(diskBooted(more))
			s.raw(0x55, 0xaa)
			r := s.deployment()
			r.Environment, r.Breakpoint = []byte(description), "BootNewEnv:reboot_from_deploy_env"
			change(r)
			o := s.run(r)
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
			Expect(s.profile(1)).To(HaveSuffix("LABEL bootlabel\n" + profile))
		},
		Entry("on the site's disk", foreign, func(*message.Submit) {}, nil, "COM32 chain.c32\nAPPEND hd0 3\n"),
		Entry("on another disk and partition", foreign, func(r *message.Submit) { r.BlockDevice, r.Partition = "/dev/sdb", "2" }, nil,
			"COM32 chain.c32\nAPPEND hd1 2\n"),
		Entry("not of a whole disk, whose own boot sector does", foreign, func(r *message.Submit) { r.BlockDevice = "/dev/sda" }, nil, "LOCALBOOT 0\n"),
	)

	It("fails before a machine is touched when it has no boot sector", func() {
		s := newSite(diskBooted(nil))
		s.raw(0, 0)
		r := s.deployment()
		r.Environment = []byte(foreign)
		Expect(s.run(r).ended.GetText()).To(ContainSubstring("raw.img cannot be started: its first 512 bytes are no boot sector"))
		s.untouched()
	})

	DescribeTable("is refused where nothing can start that",
		func(more map[string]string, why string) {
			b := diskBooted(more)
			b.cluster["power"], b.cluster["cmd_hard_reboot"] = "command", "true"
			s := plannedSite(GinkgoT().TempDir(), b)
			s.global["http_listen"] = fmt.Sprint(s.server(), ":25302")
			s.write()
			s.start()
			DeferCleanup(s.close)
			s.raw(0x55, 0xaa)
			r := s.deployment()
			r.Environment = []byte(foreign)
			Expect(s.client().refused(r).GetText()).To(MatchRegexp("^node node-1: the image has no file system of supported_fs .*, so the boot sector of .* must start it: .*" + why))
			r.Operation, r.RebootLevel, r.RebootKind = message.Operation_REBOOT, "hard", "RecordedEnv"
			Expect(s.client().refused(r).GetText()).To(ContainSubstring(why))
		},
		Entry("by iPXE", map[string]string{"pxe_kind": "ipxe"}, "set pxe_kind = pxelinux or grub"),
		Entry("under UEFI", map[string]string{"pxe_kind": "grub", "firmware": "uefi"}, "UEFI starts programs, not the boot sector of partition 3"),
		Entry("of a disk whose number is not known", map[string]string{"block_device": "/dev/disk/by-id/wwn-0x5000"}, "write block_device as /dev/sda"),
	)
})

// raw is an image of a partition whose first sector ends with these bytes.
func (s *site) raw(end ...byte) {
	GinkgoHelper()
	image := make([]byte, 64<<10)
	copy(image[510:], end)
	s.file("images/raw.img", string(image))
}
