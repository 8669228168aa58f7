package disklayout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// Disk is a disk of the machine.
type Disk struct {
	Path string // /dev/sda, as its kernel calls it
	Size int64  // bytes
}

// Extent is where a partition is to be, in bytes.
type Extent struct{ Start, Size int64 }

// edge is what is left free at the start of a disk, for the table and a boot loader, and, with GPT, at its end for the second table.
const edge = mib

// Extents are the places of the partitions on a disk, in their order and without gaps, from 1 MiB on. The error says how much is missing.
func (l *Layout) Extents(d Disk) ([]Extent, error) {
	end := d.Size / mib * mib
	if l.Label == "gpt" {
		end = (d.Size - edge) / mib * mib
	}
	extents, at := make([]Extent, len(l.Partitions)), int64(edge)
	for i, p := range l.Partitions {
		size := p.Size.of(end - edge)
		if p.Size.Rest() {
			size = max(end-at, mib)
		}
		extents[i] = Extent{at, max(size, mib)}
		at = min(at+extents[i].Size, 2*maxSize) // too much stays too much
	}
	if at > end {
		return nil, fmt.Errorf("the layout needs %d MiB, and %s has room for %d MiB", (at-edge)/mib, d.Path, max(end-edge, 0)/mib)
	}
	return extents, nil
}

// Script is what sfdisk is told to write these partitions to a disk.
func (l *Layout) Script(extents []Extent) string {
	var b strings.Builder
	fmt.Fprintf(&b, "label: %s\n", l.Label)
	for i, e := range extents {
		kind := partitionTypes[l.Partitions[i].Role].gpt
		if l.Label == "dos" {
			kind = l.Partitions[i].Role.DOS()
		}
		fmt.Fprintf(&b, "start=%dMiB, size=%dMiB, type=%s\n", e.Start/mib, e.Size/mib, kind)
	}
	return b.String()
}

// Command is one call of a tool.
type Command struct {
	Name string
	Args []string
}

// noUdev has lvm make its device nodes itself and find its disks in /dev: there is no udev in a deployment system. What it has done is of no use
// in a file there.
const noUdev = `activation{udev_sync=0 udev_rules=0 monitoring=0} devices{obtain_device_list_from_udev=0 external_device_info_source="none"} backup{backup=0 archive=0}`

// Commands make arrays and volumes on partitioned disks whose members hold nothing, in the order to call them.
func (l *Layout) Commands(disks []Disk) []Command {
	var all []Command
	lvm := func(command string, args ...string) {
		all = append(all, Command{"lvm", append([]string{command, "--config", noUdev, "--yes"}, args...)})
	}
	for _, a := range l.Arrays {
		members := l.on(disks, Raid, a.Name)
		all = append(all, Command{"mdadm", append([]string{"--create", a.Path(), "--run", "--force", "--metadata=1.2", "--homehost=any",
			"--level=" + strconv.Itoa(a.Level), "--raid-devices=" + strconv.Itoa(len(members))}, members...)})
	}
	for _, g := range l.Groups {
		members := l.on(disks, LVM, g.Name)
		for _, a := range l.Arrays {
			if a.Role == LVM && a.Of == g.Name {
				members = append(members, a.Path())
			}
		}
		lvm("pvcreate", append([]string{"--force", "--force"}, members...)...)
		lvm("vgcreate", append([]string{g.Name}, members...)...)
		for _, v := range g.Volumes {
			lvm("lvcreate", "--wipesignatures", "y", "--name", v.Name, v.Size.option(), v.Size.inGroup(), g.Name)
		}
	}
	return all
}

// on are the partitions of all disks that are part of something.
func (l *Layout) on(disks []Disk, role Role, of string) (devices []string) {
	for _, d := range disks {
		for i, p := range l.Partitions {
			if p.Role == role && p.Of == of {
				devices = append(devices, blockdev.Partition(d.Path, strconv.Itoa(i+1)))
			}
		}
	}
	return devices
}

// option and inGroup are how lvcreate is told a size.
func (s Size) option() string {
	if s.Bytes > 0 {
		return "--size"
	}
	return "--extents"
}

func (s Size) inGroup() string {
	switch {
	case s.Bytes > 0:
		return strconv.FormatInt(s.Bytes/mib, 10) + "m"
	case s.Percent > 0:
		return strconv.Itoa(s.Percent) + "%VG"
	}
	return "100%FREE"
}
