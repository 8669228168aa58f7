package agent

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// mount also tells what the deployed system will call the device: the server needs it for a boot profile, and may know but a hint.
func (w *work) mount(k *agentpb.Mount) error {
	m := w.loop.config.Machine
	err := m.Mount(w.ctx, k.Device, k.Dir, k.Filesystem)
	if finder, ok := m.(machine.RootFinder); ok && err == nil {
		w.root, err = finder.RootDevice(w.ctx, k.Device)
	}
	return err
}

// What follows not every machine can do: that of the sandbox has neither another kernel nor a boot loader.

func (w *work) kexec(k *agentpb.Kernel) error {
	m, ok := w.loop.config.Machine.(machine.Kexecer)
	if !ok {
		return errors.New("kexec: this machine cannot start another kernel")
	}
	w.end = EndKexec
	return m.LoadKernel(w.ctx, kernel(k))
}

func (w *work) installBootloader(k *agentpb.Kernel) (err error) {
	m, ok := w.loop.config.Machine.(machine.Bootable)
	if !ok {
		return errors.New("boot loader: this machine's disk cannot be booted from")
	}
	w.output, err = m.InstallBootloader(w.ctx, kernel(k))
	return err
}

func kernel(k *agentpb.Kernel) machine.Kernel {
	return machine.Kernel{Root: k.GetRoot(), Device: k.GetDevice(), Kernel: k.GetKernel(), Initrd: k.GetInitrd(), Params: k.GetParams()}
}

// checkDevice has nothing to say where no system runs but this one, as in the sandbox.
func (w *work) checkDevice(k *agentpb.CheckDevice) error {
	if m, ok := w.loop.config.Machine.(machine.Guard); ok {
		return m.CheckDevice(w.ctx, k.Device)
	}
	return nil
}

func (w *work) inventory(k *agentpb.Inventory) error {
	m, ok := w.loop.config.Machine.(machine.Inventorier)
	if !ok {
		return errors.New("inventory: this machine has no disks of its own")
	}
	if k.GetDevice() != "" { // before they are counted: it may appear late
		device, err := m.FindDisk(w.ctx, k.GetDevice())
		if w.device = device; err != nil {
			w.missing = oneLine(err)
		}
	}
	disks, err := m.Inventory(w.ctx)
	if err != nil {
		return err
	}
	if w.disks = report(disks); len(w.disks) < len(disks) {
		w.output = "the other disks do not fit into one report"
	}
	return nil
}

const (
	maxInventory = agentpb.MaxReport - 12<<10 // bytes of the disks in one Result, beside its tail, two lines and its frame
	maxText      = 128                        // bytes of one text in it
)

// report takes as many disks as one message holds.
func report(disks []machine.DiskInfo) []*agentpb.Disk {
	var all []*agentpb.Disk
	size := 0
	for _, d := range disks {
		m := &agentpb.Disk{
			Device: short(d.Device), Model: short(d.Model), Serial: short(d.Serial), Wwid: short(d.WWID), Path: short(d.Path),
			Size: uint64(d.Size), Content: content(d.Content), InUse: short(d.InUse),
		}
		for _, p := range d.Partitions {
			m.Partitions = append(m.Partitions, &agentpb.DiskPartition{
				Number: uint32(p.Number), Start: uint64(p.Start), Size: uint64(p.Size), Content: content(p.Content), Mounted: short(p.Mounted),
			})
		}
		if size += proto.Size(m) + 8; size > maxInventory {
			break
		}
		all = append(all, m)
	}
	return all
}

func content(c machine.Content) *agentpb.Content {
	if c == (machine.Content{}) {
		return nil
	}
	return &agentpb.Content{Filesystem: c.Filesystem, Label: short(c.Label), Uuid: short(c.UUID)}
}
