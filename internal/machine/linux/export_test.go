package linux

import (
	"os"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// PathID is how udev names the way to a disk.
var PathID = pathID

// Resolve gives the kernel's name of a device as a tree like /sys tells it.
func Resolve(sys, dev, device string) (string, error) {
	b, err := sysfs{sys, dev}.resolve(device)
	return b.path, err
}

// Disks are the paths of the disks in such a tree.
func Disks(sys string) (paths []string) {
	disks, _ := sysfs{sys, "/dev"}.disks()
	for _, b := range disks {
		paths = append(paths, b.path)
	}
	return paths
}

// SignatureOf says what a file holds.
func SignatureOf(file string) (kind, label, uuid string, err error) {
	s, err := signatureOf(block{path: file})
	return s.kind, s.label, s.uuid, err
}

// MountOf reads a line of mountinfo.
func MountOf(line string) (numbers [2]uint32, dir, source string, err error) {
	m, err := parseMount(line)
	return [2]uint32{m.major, m.minor}, m.dir, m.source, err
}

// CoreRoom says where the core image goes on a disk with the table that sfdisk tells of.
func CoreRoom(json, disk string) (at, room int64, err error) {
	t, err := parseTable(json, disk)
	if err != nil {
		return 0, 0, err
	}
	return coreRoom(block{path: disk}, t)
}

// UsersOf names the processes that use a path.
func UsersOf(path string) []string { return usersOf(path) }

// ReadSignature is signatureOf for bytes.
func ReadSignature(head []byte) string { return readSignature(head).kind }

// BootMenu is what GRUB is told.
func BootMenu(root *os.Root, kernel, initrd, params string) (string, error) {
	return bootMenu(root, machine.Kernel{Kernel: kernel, Initrd: initrd}, params)
}

// Candidate is a device, what it holds, and whether it has partitions.
type Candidate struct {
	Name, Holds string
	Table       bool
}

// Rivals are the names of those that GRUB may find a file on, beside the deployed one.
func Rivals(all []Candidate, deployed string) (names []string) {
	var candidates []candidate
	for _, c := range all {
		candidates = append(candidates, candidate{block{name: c.Name}, c.Holds, c.Table})
	}
	for _, c := range rivals(candidates, block{name: deployed}) {
		names = append(names, c.name)
	}
	return names
}

// Retire puts the file that GRUB looks for aside.
var Retire = retire

// Foreign is the mount of others that a directory is on, by the lines of mountinfo; "": none.
func Foreign(dir string, lines ...string) string {
	var all []mountLine
	for _, line := range lines {
		m, err := parseMount(line)
		if err != nil {
			return err.Error()
		}
		all = append(all, m)
	}
	m, _ := foreign(dir, all)
	return m.dir
}
