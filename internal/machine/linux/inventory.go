package linux

import (
	"context"
	"slices"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// Inventory describes the disks of this machine. It needs no rights, but without them the content of the disks stays unknown.
func Inventory(ctx context.Context, c Config) ([]machine.DiskInfo, error) {
	return newDriver(c).Inventory(ctx)
}

// Inventory describes the disks, and reads the first bytes of each and of its partitions. A device that cannot be read has no content. It
// writes nothing.
func (d *Driver) Inventory(ctx context.Context) ([]machine.DiskInfo, error) {
	disks, err := d.sys.disks()
	if err != nil {
		return nil, err
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var all []machine.DiskInfo
	for _, b := range disks {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		id := d.sys.identity(b)
		info := machine.DiskInfo{
			Device: b.path, Model: id.Model, Serial: id.Serial, WWID: id.WWID, Path: id.Path, Size: b.size, Content: contentOf(b),
		}
		for _, p := range d.sys.partitions(b.name) {
			part := machine.PartitionInfo{Number: p.number, Start: p.start, Size: p.size, Content: contentOf(p)}
			if i := slices.IndexFunc(mounts, func(m mountLine) bool { return m.of(p) }); i >= 0 {
				part.Mounted = mounts[i].dir
			}
			info.Partitions = append(info.Partitions, part)
		}
		if err := d.refuse(b); err != nil {
			info.InUse = err.Error()
		}
		all = append(all, info)
	}
	return all, nil
}

func contentOf(b block) machine.Content {
	s, _ := signatureOf(b)
	return machine.Content{Filesystem: s.kind, Label: s.label, UUID: s.uuid}
}

// FindDisk implements machine.Inventorier.
func (d *Driver) FindDisk(ctx context.Context, device string) (string, error) {
	b, err := d.disk(ctx, device)
	return b.path, err
}
