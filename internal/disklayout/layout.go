// Package disklayout is how the disks of a machine are divided: partitions, RAID over them, LVM on top. It is pure: it checks a layout, and says
// what sfdisk, mdadm and lvm must be told; internal/machine/linux tells them. Layouts are written in HCL, which config reads.
package disklayout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the partition_creation_kind of a layout, and machine.Table.Kind of one that Encode wrote.
const Kind = "layout"

// Layout is what stands on the disks. All disks get the same partitions.
type Layout struct {
	Label      string      `json:"label"`           // gpt or dos
	Disks      []string    `json:"disks,omitempty"` // as internal/blockdev writes them; none: the node's block device alone
	Partitions []Partition `json:"partitions"`      // their numbers start at 1
	Arrays     []Array     `json:"arrays,omitempty"`
	Groups     []Group     `json:"groups,omitempty"`
}

// Partition is one line of the table of every disk.
type Partition struct {
	Role  Role   `json:"role"`
	Of    string `json:"of,omitempty"` // the array (role raid) or the volume group (role lvm) that it is part of
	Size  Size   `json:"size"`
	Place Place  `json:"-"`
}

// Array is a RAID of the kernel (md(4)) over one partition of each disk.
type Array struct {
	Name  string `json:"name"` // md0
	Level int    `json:"level"`
	Role  Role   `json:"role"`
	Of    string `json:"of,omitempty"` // the volume group, with role lvm
	Place Place  `json:"-"`
}

// Group is an LVM volume group of the partitions and arrays that name it.
type Group struct {
	Name    string   `json:"name"`
	Volumes []Volume `json:"volumes"`
	Place   Place    `json:"-"`
}

// Volume is a linear volume of a group.
type Volume struct {
	Name  string `json:"name"`
	Role  Role   `json:"role"`
	Size  Size   `json:"size"`
	Place Place  `json:"-"`
}

// Place is where something was written, for errors; zero when that is not known.
type Place struct{ Line, Column int }

// Role is what a part of a disk is for.
type Role string

// The roles. A node's settings name the parts with the first four.
const (
	Deploy   Role = "deploy"
	Prod     Role = "prod" // the production system, beside the deployed one
	Tmp      Role = "tmp"
	Swap     Role = "swap"
	ESP      Role = "esp"       // EFI system partition
	BIOSGrub Role = "bios_grub" // where GRUB puts its core on a GPT disk of a BIOS machine
	None     Role = "none"      // nobody's business here
	Raid     Role = "raid"
	LVM      Role = "lvm"
)

// partitionTypes by role: of GPT (UEFI 2.10, 5.3.3, and the types of Linux), and of a dos label.
var partitionTypes = map[Role]struct{ gpt, dos string }{
	Deploy:   {linuxData, "83"},
	Prod:     {linuxData, "83"},
	Tmp:      {linuxData, "83"},
	None:     {linuxData, "83"},
	Swap:     {"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "82"},
	ESP:      {"C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef"},
	BIOSGrub: {"21686148-6449-6E6F-744E-656564454649", ""},
	Raid:     {"A19D880F-05FC-4D3B-A006-743F0F84911E", "fd"},
	LVM:      {"E6D6D379-F507-44C2-A23C-238F2A3DF928", "8e"},
}

// DOS is the type of a partition with a dos label.
func (r Role) DOS() string { return partitionTypes[r].dos }

const linuxData = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

// Part is the part of the layout with a role, as the keys deploy_part and its like write it: the number of a partition, or the path of an array or a
// volume (/dev/md0, /dev/vg0/root). "": there is none.
func (l *Layout) Part(role Role) string {
	if i := slices.IndexFunc(l.Partitions, func(p Partition) bool { return p.Role == role }); i >= 0 {
		return strconv.Itoa(i + 1)
	}
	for _, a := range l.Arrays {
		if a.Role == role {
			return a.Path()
		}
	}
	for _, g := range l.Groups {
		for _, v := range g.Volumes {
			if v.Role == role {
				return g.Path(v)
			}
		}
	}
	return ""
}

// Path is the device of the array.
func (a Array) Path() string { return "/dev/" + a.Name }

// Path is the device of a volume of the group.
func (g Group) Path(v Volume) string { return "/dev/" + g.Name + "/" + v.Name }

// On names the disks of the layout on a machine, all of which are lost: its own, of which the machine's block device must be one, or else that alone.
func (l *Layout) On(device string) ([]string, error) {
	switch {
	case len(l.Disks) == 0:
		return []string{device}, nil
	case !slices.Contains(l.Disks, device):
		return nil, fmt.Errorf("the layout is for %s, not for %s", strings.Join(l.Disks, ", "), device)
	}
	return l.Disks, nil
}

// Beyond names something of the layout that is more than the table of one disk; "": there is nothing.
func (l *Layout) Beyond() string {
	switch {
	case len(l.Arrays) > 0:
		return "raid " + l.Arrays[0].Name
	case len(l.Groups) > 0:
		return "volume_group " + l.Groups[0].Name
	case len(l.Disks) > 1:
		return "several disks"
	}
	return ""
}

// Encode writes a layout for Decode: what an order of the server carries.
func (l *Layout) Encode() ([]byte, error) { return json.Marshal(l) }

// Decode reads and checks a layout.
func Decode(text []byte) (*Layout, error) {
	l := &Layout{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(l); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	var all []error
	for _, p := range l.Check() {
		all = append(all, errors.New("layout: "+p.Text))
	}
	return l, errors.Join(all...)
}
