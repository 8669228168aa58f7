package agent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// whole is a machine that can do all that a real one can; what it was asked is kept.
type whole struct {
	machine.Machine
	loaded, booted machine.Kernel
	fail           error
	disks          []machine.DiskInfo
}

func (w *whole) LoadKernel(_ context.Context, k machine.Kernel) error { w.loaded = k; return w.fail }
func (w *whole) InstallBootloader(_ context.Context, k machine.Kernel) (string, error) {
	w.booted = k
	return "in sector 0", w.fail
}
func (w *whole) Inventory(context.Context) ([]machine.DiskInfo, error) { return w.disks, w.fail }
func (w *whole) FindDisk(_ context.Context, device string) (string, error) {
	for _, d := range w.disks {
		if device == "serial="+d.Serial {
			return d.Device, nil
		}
	}
	return "", errors.New(device + ": no such disk;\nthere are more")
}

func (w *whole) Mount(context.Context, string, string, string) error { return w.fail }
func (w *whole) RootDevice(_ context.Context, device string) (string, error) {
	return "PARTUUID=" + device, nil
}

var _ = Describe("An agent of a machine with firmware", func() {
	var r *rig
	var m *whole
	var over <-chan ended
	k := &agentpb.Kernel{Root: "/mnt/dest", Device: "/dev/sda3", Kernel: "/vmlinuz", Initrd: "/initrd.img", Params: "quiet"}
	kexec := &agentpb.Order{Step: "kexec", Kind: &agentpb.Order_Kexec{Kexec: &agentpb.Kexec{Kernel: k}}}
	bootloader := &agentpb.Order{Step: "install_bootloader", Kind: &agentpb.Order_InstallBootloader{InstallBootloader: &agentpb.InstallBootloader{Kernel: k}}}
	inventory := &agentpb.Order{Step: "inventory", Kind: &agentpb.Order_Inventory{Inventory: &agentpb.Inventory{}}}
	want := machine.Kernel{Root: "/mnt/dest", Device: "/dev/sda3", Kernel: "/vmlinuz", Initrd: "/initrd.img", Params: "quiet"}

	BeforeEach(func() {
		r, m = newRig(), &whole{}
		over = r.start(func(c *agent.Config) { m.Machine = c.Machine; c.Machine = m })
	})

	It("ends with a kexec that the server knows of, when the kernel was loaded", func() {
		m.fail = errors.New("no memory")
		Expect(r.do(kexec).Error).To(Equal("no memory"))
		m.fail = nil
		r.must(kexec)
		Expect(m.loaded).To(Equal(want))
		Eventually(over, "5s").Should(Receive(Equal(ended{agent.EndKexec, nil})))
		Eventually(r.left, "5s").Should(Receive(BeNil()))
	})

	It("installs a boot loader, and says where", func() {
		Expect(r.must(bootloader).LogTail).To(Equal("in sector 0"))
		Expect(m.booted).To(Equal(want))
	})

	It("tells what a kernel calls the device that it has mounted", func() {
		Expect(r.must(mount("serial=X-part3", "/mnt/dest")).Root).To(Equal("PARTUUID=serial=X-part3"))
		m.fail = errors.New("busy")
		Expect(r.do(mount("serial=X-part3", "/mnt/dest")).Root).To(BeEmpty())
	})

	It("tells what disks there are", func() {
		m.disks = []machine.DiskInfo{{Device: "/dev/sda", Model: "M\xff" + strings.Repeat("m", 500), Size: 7, InUse: "mounted", Partitions: []machine.PartitionInfo{
			{Number: 3, Start: 5, Size: 2, Mounted: "/", Content: machine.Content{Filesystem: "ext4", Label: "root", UUID: "u"}}}}}
		disks := r.must(inventory).Disks
		Expect(disks).To(HaveLen(1))
		Expect(disks[0].Model).To(And(HaveLen(128), HavePrefix("M?mm")))
		Expect(disks[0].GetContent()).To(BeNil())
		p := disks[0].Partitions[0]
		Expect([]any{p.Number, p.Start, p.Size, p.Mounted, p.Content.Filesystem, p.Content.Label}).To(Equal([]any{uint32(3), uint64(5), uint64(2), "/", "ext4", "root"}))
	})

	It("tells which of the disks is meant, or that none is", func() {
		m.disks = []machine.DiskInfo{{Device: "/dev/sdb", Serial: "Z1X"}}
		find := func(device string) *agentpb.Result {
			return r.must(&agentpb.Order{Step: "inventory", Kind: &agentpb.Order_Inventory{Inventory: &agentpb.Inventory{Device: device}}})
		}
		Expect(find("serial=Z1X")).To(And(HaveField("Device", "/dev/sdb"), HaveField("Missing", "")))
		Expect(find("serial=ABC")).To(And(HaveField("Device", ""), HaveField("Missing", "serial=ABC: no such disk; there are more"), HaveField("Disks", HaveLen(1))))
	})

	It("tells of no more disks than a message holds", func() {
		for i := range 2000 {
			m.disks = append(m.disks, machine.DiskInfo{Device: fmt.Sprint("/dev/sd", i), Model: strings.Repeat("m", 100), Serial: strings.Repeat("s", 100)})
		}
		result := r.must(inventory)
		Expect(len(result.Disks)).To(And(BeNumerically(">", 100), BeNumerically("<", 500)))
		Expect(result.LogTail).To(ContainSubstring("do not fit"))
	})
})

var _ = Describe("An agent of a sandbox machine", func() {
	DescribeTable("refuses what only firmware could do",
		func(o *agentpb.Order, want string) {
			r := newRig()
			r.start(nil)
			Expect(r.do(o).Error).To(ContainSubstring(want))
		},
		Entry(nil, &agentpb.Order{Kind: &agentpb.Order_Kexec{Kexec: &agentpb.Kexec{}}}, "cannot start another kernel"),
		Entry(nil, &agentpb.Order{Kind: &agentpb.Order_InstallBootloader{InstallBootloader: &agentpb.InstallBootloader{}}}, "cannot be booted from"),
		Entry(nil, &agentpb.Order{Kind: &agentpb.Order_Inventory{Inventory: &agentpb.Inventory{}}}, "no disks of its own"),
	)
})
