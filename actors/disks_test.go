package actors_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// withDisks is a sandbox machine that has two disks to tell of. Its directory is the second, which serial=Z1X means.
type withDisks struct{ machine.Machine }

const secondDisk = "serial=Z1X"

func (m *withDisks) Inventory(context.Context) ([]machine.DiskInfo, error) {
	return []machine.DiskInfo{
		{Device: "/dev/sda", Model: "ST4000", Serial: "A1", Size: 4 << 40, Content: machine.Content{Filesystem: "xfs", Label: "data"}},
		{Device: "/dev/sdb", Model: "SAMSUNG", Serial: "Z1X", WWID: "naa.5000c5", Size: 1 << 40, Partitions: []machine.PartitionInfo{
			{Number: 2, Start: 1 << 20, Size: 20 << 30, Content: machine.Content{Filesystem: "ext4", Label: "prod"}},
			{Number: 3, Start: 21 << 30, Size: 40 << 30},
		}},
	}, nil
}

func (m *withDisks) FindDisk(_ context.Context, device string) (string, error) {
	if m.own(device) == device {
		return "", errors.New(device + `: no such disk; there are /dev/sda (model "ST4000"), /dev/sdb (model "SAMSUNG")`)
	}
	return "/dev/sdb", nil
}

func (m *withDisks) RootDevice(_ context.Context, device string) (string, error) {
	return m.own(device), nil
}

// own is what the directory calls a device that is written as a hint.
func (m *withDisks) own(device string) string {
	return strings.Replace(strings.Replace(device, secondDisk+"-part", "/dev/sda", 1), secondDisk, "/dev/sda", 1)
}

func (m *withDisks) Partition(ctx context.Context, t machine.Table) (string, error) {
	t.Device = m.own(t.Device)
	return m.Machine.Partition(ctx, t)
}

func (m *withDisks) Format(ctx context.Context, device, filesystem, options string) error {
	return m.Machine.Format(ctx, m.own(device), filesystem, options)
}

func (m *withDisks) Swap(ctx context.Context, device string) error {
	return m.Machine.Swap(ctx, m.own(device))
}

func (m *withDisks) Mount(ctx context.Context, device, dir, filesystem string) error {
	return m.Machine.Mount(ctx, m.own(device), dir, filesystem)
}

// disked is a site whose machines have disks, and whose configuration names one.
func disked(device string, more func(*blueprint)) *site {
	GinkgoHelper()
	b := blueprint{nodes: 1, memory: true, agents: func(c *agent.Config) { c.Machine = &withDisks{c.Machine} }, cluster: map[string]string{"block_device": device}}
	if more != nil {
		more(&b)
	}
	return newSite(b)
}

// planned is what a deployment would do to the disk of node-1.
func (s *site) planned(change func(*message.Submit)) *message.DiskPlan {
	GinkgoHelper()
	r := s.deployment("node-1")
	r.DryRun = true
	if change != nil {
		change(r)
	}
	answer := s.client().ask(r)
	Expect(answer).To(BeAssignableToTypeOf(&message.Checked{}), fmt.Sprint(answer))
	Expect(answer.(*message.Checked).GetDisks()).To(HaveLen(1))
	return answer.(*message.Checked).GetDisks()[0]
}

func (s *site) disksOf(nodes ...string) []*message.NodeDisks {
	GinkgoHelper()
	answer := s.client().ask(&message.DisksRequest{ClientId: "disks", Nodes: nodes})
	Expect(answer).To(BeAssignableToTypeOf(&message.Disks{}), fmt.Sprint(answer))
	return answer.(*message.Disks).GetNodes()
}

// bootOnce boots the deployment system and no more.
func (s *site) bootOnce() {
	GinkgoHelper()
	o := s.run(&message.Submit{ClientId: "boot", User: "ada", Nodes: []string{"node-1"}, Operation: message.Operation_REBOOT, RebootKind: "DeployEnv", RebootLevel: "hard"})
	Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
}

var _ = Describe("The disks of a node", func() {
	It("are known once it has booted the deployment system, and to the servers after this one", func() {
		s := disked(secondDisk, func(b *blueprint) { b.nodes = 2 })
		Expect(s.disksOf()).To(HaveExactElements(HaveField("Seen", BeNil()), HaveField("Seen", BeNil())))
		s.bootOnce()
		for range 2 {
			seen := s.disksOf("node-1")[0]
			Expect(seen.GetSeen().AsTime()).To(BeTemporally("~", time.Now(), time.Minute))
			Expect(seen.GetDisks()).To(HaveLen(2))
			Expect(seen.GetDisks()[0]).To(And(HaveField("Model", "ST4000"), HaveField("Content.Label", "data")))
			Expect(seen.GetDisks()[1].GetPartitions()[0]).To(And(HaveField("Number", BeEquivalentTo(2)), HaveField("Content.Filesystem", "ext4")))
			s.restart()
		}
	})

	It("come in pages, and of nodes that are known", func() {
		s := disked(secondDisk, func(b *blueprint) { b.nodes = 3 })
		page := s.client().ask(&message.DisksRequest{ClientId: "disks", After: "node-2"}).(*message.Disks)
		Expect(page.GetNodes()).To(HaveExactElements(HaveField("Node", "node-3")))
		Expect(s.client().refused(&message.DisksRequest{ClientId: "disks", Nodes: []string{"node-9"}}).GetText()).To(ContainSubstring("node-9"))
		Expect(s.client().refused(&message.DisksRequest{ClientId: "disks", After: "node-9"}).GetText()).To(ContainSubstring("ask again"))
	})

	It("do not have to be told: a node of whose disks nothing is known is deployed", func() {
		s := newSite(blueprint{nodes: 1})
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		Expect(s.disksOf()[0].GetSeen()).To(BeNil())
	})

	It("must have the one that is to be written, or the node fails before anything is, and at once", func() {
		s := disked("serial=ABC", nil)
		o := s.run(s.deployment())
		ko := o.report("node-1")
		Expect(ko.GetState()).To(Equal("SetDeploymentEnv/Untrusted/wait_reboot"))
		Expect(ko.GetCause()).To(Equal(`block_device serial=ABC: no such disk; there are /dev/sda (model "ST4000"), /dev/sdb (model "SAMSUNG"); nothing was written`))
		Expect(o.retriesOf("node-1")).To(BeZero())
		Expect(s.disksOf()[0].GetDisks()).To(HaveLen(2), "they are known now")
	})

	It("may have one made by a preinstall, which is not looked for before", func() {
		s := disked("serial=ABC", nil)
		s.file("pre.tgz", string(gzipped(tarOf(entry{name: "pre.sh", content: "#!/bin/sh\nexit 3\n"}))))
		s.file("image.env", description("image.tar|tar", "preinstall : pre.tgz|tgz|pre.sh", "kernel_params : root=/dev/md0"))
		Expect(s.run(s.deployment()).report("node-1").GetState()).To(HaveSuffix("manage_admin_pre_install"))
	})
})

var _ = Describe("The plan of a deployment", func() {
	It("tells which disk is lost, what is on it and whose it is", func() {
		s := disked(secondDisk, nil)
		Expect(s.planned(nil)).To(And(HaveField("Problem", "never seen: boot it once with kadeploy reboot --kind deploy_env -m node-1"), HaveField("Disk", BeNil())))
		s.bootOnce()
		p := s.planned(nil)
		Expect(p.GetText()).To(Equal("partition table replaced, partitions 1, 3 formatted"))
		Expect(p).To(And(HaveField("Problem", ""), HaveField("Device", secondDisk), HaveField("Destruction", message.Destruction_TABLE), HaveField("Production", BeEquivalentTo(2))))
		Expect(p.GetDisk()).To(And(HaveField("Device", "/dev/sdb"), HaveField("Serial", "Z1X")))
		Expect(p.GetSeen()).NotTo(BeNil())
	})

	It("tells apart a table, some partitions, and a whole disk", func() {
		s := disked(secondDisk, nil)
		s.bootOnce()
		p := s.planned(func(r *message.Submit) { r.NoPartitioning, r.FormatTmp, r.TmpFilesystem = true, true, "ext4" })
		Expect(p.GetText()).To(Equal("only partitions 1, 3, 5 formatted"))
		Expect(p).To(And(HaveField("Destruction", message.Destruction_PARTITIONS), HaveField("Partitions", []uint32{1, 3, 5})))
	})

	It("tells what an image of a partition or a disk and scripts do", func() {
		s := disked(secondDisk, func(b *blueprint) {
			b.cluster["bootloader"], b.cluster["admin_pre_install"] = "chainload_pxe", "post.tgz|tgz|post.sh"
		})
		raw := func(r *message.Submit) { r.Environment = []byte(description("image.tar|dd")) }
		Expect(s.planned(raw).GetText()).To(Equal("partition table replaced, partition 3 overwritten by the dd image, partition 1 formatted"))
		p := s.planned(func(r *message.Submit) { raw(r); r.NoPartitioning = true })
		Expect(p).To(And(HaveField("Destruction", message.Destruction_PARTITIONS), HaveField("Partitions", []uint32{3, 1})))
		Expect(p.GetText()).To(Equal("only partition 3 overwritten by the dd image, partition 1 formatted"))
		p = s.planned(func(r *message.Submit) { raw(r); r.BlockDevice = "/dev/sda" })
		Expect(p).To(And(HaveField("Text", "whole disk overwritten by the dd image"), HaveField("Destruction", message.Destruction_DISK), HaveField("Partitions", BeEmpty())))
		pre := []byte(description("image.tar|tar", "preinstall : post.tgz|tgz|post.sh"))
		p = s.planned(func(r *message.Submit) { r.Environment = pre })
		Expect(p).To(And(HaveField("Text", "only what preinstalls and custom operations do"), HaveField("Destruction", message.Destruction_SCRIPTS)))
	})

	It("finds another disk by the name that the request gives it", func() {
		s := disked(secondDisk, nil)
		s.bootOnce()
		p := s.planned(func(r *message.Submit) { r.BlockDevice, r.Partition = "/dev/sda", "3" })
		Expect(p).To(And(HaveField("Disk.Serial", "A1"), HaveField("Production", BeZero())), "the production system is on the other one")
		p = s.planned(func(r *message.Submit) { r.BlockDevice, r.Partition = "/dev/disk/by-id/wwn-0x5000c5", "3" })
		Expect(p).To(And(HaveField("Disk.Serial", "Z1X"), HaveField("Production", BeEquivalentTo(2))))
		p = s.planned(func(r *message.Submit) { r.BlockDevice, r.Partition = "size>=1T", "3" })
		Expect(p).To(And(HaveField("Disk", BeNil()), HaveField("Problem", ContainSubstring("more than one of its disks: /dev/sda (ST4000, A1, 4.0 TiB), /dev/sdb"))))
		p = s.planned(func(r *message.Submit) { r.BlockDevice, r.Partition = "/dev/sdz", "3" })
		Expect(p.GetProblem()).To(HavePrefix("/dev/sdz was not among its disks: /dev/sda (ST4000, A1, 4.0 TiB)"))
	})
})

var _ = Describe("A deployed system on a disk that is written as a hint", func() {
	It("boots from what its kernel calls the partition", func() {
		s := disked(secondDisk, nil)
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("boots from there also by a server that comes after the one that has mounted it", func() {
		s := disked(secondDisk, func(b *blueprint) {
			b.lasting, b.node = true, map[int]string{1: "sandbox_fault=slow-boot:1 timeout_reboot=5"}
		})
		o := s.begin(s.deployment())
		o.until("leaves the deployment system", func(e *message.Event) bool {
			return e.GetNode().GetMacro() == "BootNewEnv" && e.GetNode().GetMicro() == "wait_reboot"
		})
		seen := len(o.events)
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		for _, e := range o.events[seen:] {
			Expect(e.GetNode().GetMicro()).NotTo(Equal("mount_deploy_part"), "it is not mounted again")
		}
	})

	It("is refused where nobody mounts it, so that nobody could say its name", func() {
		s := disked("serial=ABC", nil)
		s.file("pre.tgz", string(gzipped(tarOf(entry{name: "pre.sh", content: "#!/bin/sh\n"}))))
		s.file("image.env", description("image.tar|tar", "preinstall : pre.tgz|tgz|pre.sh"))
		Expect(s.client().refused(s.deployment()).GetText()).To(ContainSubstring("is no name that a kernel knows"))
	})
})
