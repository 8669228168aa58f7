package linux

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// layOut makes a layout on all its disks, whatever an earlier try has left there: arrays and volumes on these disks are stopped first, and made
// anew. Plain partitions keep their content by the rule of Partition. EFI system partitions get a FAT when they have none.
//
// Nothing is written before every disk is known to be free and large enough.
func (d *Driver) layOut(ctx context.Context, t machine.Table) error {
	l, err := disklayout.Decode(t.Script)
	if err != nil {
		return err
	}
	disks, err := d.disksOf(ctx, l, t.Device)
	if err != nil {
		return err
	}
	extents, targets := make([][]disklayout.Extent, len(disks)), make([]disklayout.Disk, len(disks))
	for i, disk := range disks {
		targets[i] = disklayout.Disk{Path: disk.path, Size: disk.size}
		if extents[i], err = l.Extents(targets[i]); err != nil {
			return err
		}
	}
	if err := d.unstack(ctx, disks); err != nil {
		return err
	}
	for i, disk := range disks {
		if err := d.layOutDisk(ctx, disk, l, extents[i]); err != nil {
			return fmt.Errorf("%s: %w", disk.path, err)
		}
	}
	for _, c := range l.Commands(targets) {
		if _, err := script.Tool(ctx, script.Config{Name: c.Name, Args: c.Args}); err != nil {
			return err
		}
	}
	return nil
}

// disksOf finds the disks of a layout. Two names of one disk are an error.
func (d *Driver) disksOf(ctx context.Context, l *disklayout.Layout, device string) ([]block, error) {
	names, err := l.On(device)
	if err != nil {
		return nil, err
	}
	var disks []block
	for i, name := range names {
		disk, err := d.disk(ctx, name)
		if err != nil {
			return nil, err
		}
		if at := slices.Index(disks, disk); at >= 0 {
			return nil, fmt.Errorf("%s and %s are the same disk, %s", names[at], names[i], disk.path)
		}
		disks = append(disks, disk)
	}
	return disks, nil
}

// layOutDisk writes the table of one disk and has its members of arrays and groups hold nothing.
func (d *Driver) layOutDisk(ctx context.Context, disk block, l *disklayout.Layout, extents []disklayout.Extent) error {
	before, _ := d.table(ctx, disk)
	if _, err := feedSfdisk(ctx, disk, []byte(l.Script(extents))); err != nil {
		return err
	}
	after, err := d.table(ctx, disk)
	if err != nil {
		return err
	}
	if err := asked(after, extents); err != nil {
		return err
	}
	if err := d.settle(ctx, disk, after); err != nil {
		return err
	}
	if err := d.wipeNew(disk, before, after); err != nil {
		return err
	}
	for i, p := range l.Partitions {
		b, err := d.sys.resolve(blockdev.Partition(disk.path, strconv.Itoa(i+1)))
		if err != nil {
			return err
		}
		if err := d.prepare(ctx, b, p.Role); err != nil {
			return err
		}
	}
	return nil
}

// prepare gives a partition what its role needs before anything else can be done with it.
func (d *Driver) prepare(ctx context.Context, b block, role disklayout.Role) error {
	switch role {
	case disklayout.Raid, disklayout.LVM:
		return wipe(b)
	case disklayout.ESP:
		holds, err := signatureOf(b)
		if err != nil || holds.kind == "vfat" {
			return err
		}
		return d.fill(ctx, b.path, "mkfs.vfat", nil)
	}
	return nil
}

// asked says whether the partitions are where they were asked to be: sfdisk makes one that does not fit smaller, without a word.
func asked(t table, extents []disklayout.Extent) error {
	if len(t.partitions) != len(extents) {
		return fmt.Errorf("the table has %d partitions instead of %d", len(t.partitions), len(extents))
	}
	for i, e := range t.partitions {
		if want := extents[i]; e.start != want.Start || e.size != want.Size {
			return fmt.Errorf("partition %d has %d bytes from %d on instead of %d from %d on", e.number, e.size, e.start, want.Size, want.Start)
		}
	}
	return nil
}
