package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// sectorSize is the unit of /sys/block, whatever the disk's own.
const sectorSize = 512

// sysfs reads what the kernel says of its block devices. There is no udev in the deployment system, whose database and links could
// be asked instead.
type sysfs struct{ dir, dev string }

// block is a disk or a partition.
type block struct {
	name   string // vda3, as below /sys/class/block
	path   string // /dev/vda3
	number int    // of the partition; 0: a disk
	parent string // disk of the partition; the disk's own name
	start  int64  // bytes from the start of the disk
	size   int64  // bytes
	major  uint32
	minor  uint32
}

// block describes a device by its kernel name.
func (s sysfs) block(name string) (block, error) {
	dir := filepath.Join(s.dir, "class/block", strings.ReplaceAll(name, "/", "!"))
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return block{}, err
	}
	b := block{name: filepath.Base(real), parent: filepath.Base(real)}
	b.path = filepath.Join(s.dev, strings.ReplaceAll(b.name, "!", "/")) // cciss!c0d0
	b.size = s.number(real, "size") * sectorSize
	if n := s.number(real, "partition"); n > 0 {
		b.number, b.parent = int(n), filepath.Base(filepath.Dir(real))
		b.start = s.number(real, "start") * sectorSize
	}
	_, err = fmt.Sscanf(s.text(real, "dev"), "%d:%d", &b.major, &b.minor)
	return b, err
}

// mounted is the device of a mount; the zero block: it has none, or none that is known.
func (s sysfs) mounted(m mountLine) block {
	number := unix.Mkdev(m.major, m.minor)
	var st unix.Stat_t
	if m.major == 0 && strings.HasPrefix(m.source, "/") && unix.Stat(m.source, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
		number = st.Rdev // btrfs has numbers of its own
	}
	real, err := filepath.EvalSymlinks(filepath.Join(s.dir, fmt.Sprintf("dev/block/%d:%d", unix.Major(number), unix.Minor(number))))
	if err != nil {
		return block{}
	}
	b, err := s.block(filepath.Base(real))
	if err != nil {
		return block{}
	}
	return b
}

// disks are the disks that could be deployed to: not the kernel's own inventions (loop, ram), and not what is made of others (dm, md).
func (s sysfs) disks() ([]block, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "block"))
	if err != nil {
		return nil, fmt.Errorf("list the disks: %w", err)
	}
	var disks []block
	for _, e := range entries {
		real, err := filepath.EvalSymlinks(filepath.Join(s.dir, "block", e.Name()))
		if err != nil || strings.Contains(real, "/virtual/block/") || strings.HasPrefix(e.Name(), "sr") || strings.HasPrefix(e.Name(), "fd") {
			continue
		}
		b, err := s.block(e.Name())
		if err != nil || b.size == 0 { // a card reader without a card, or a disk that has just gone
			continue
		}
		disks = append(disks, b)
	}
	return disks, nil
}

// partitions are those that the kernel knows of a disk, in the order of their numbers.
func (s sysfs) partitions(disk string) []block {
	entries, _ := os.ReadDir(filepath.Join(s.dir, "block", disk))
	var all []block
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.dir, "block", disk, e.Name(), "partition")); err != nil {
			continue
		}
		if b, err := s.block(e.Name()); err == nil {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b block) int { return a.number - b.number })
	return all
}

// holders are the volumes made of a disk or a partition: md0, dm-1.
func (s sysfs) holders(b block) []string {
	entries, _ := os.ReadDir(filepath.Join(s.dir, "class/block", b.name, "holders"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// identity is how a disk is known, whatever its kernel name is in this boot.
type identity struct{ blockdev.Disk }

func (s sysfs) identity(b block) identity {
	dir := filepath.Join(s.dir, "block", b.name)
	id := identity{blockdev.Disk{Device: b.path, Size: b.size}}
	id.Model = s.text(dir, "device/model")
	for _, file := range []string{"serial", "device/serial"} { // virtio, NVMe
		if id.Serial == "" {
			id.Serial = s.text(dir, file)
		}
	}
	if id.Serial == "" {
		id.Serial = s.page80(dir)
	}
	if id.WWID = s.text(dir, "wwid"); id.WWID == "" {
		id.WWID = s.text(dir, "device/wwid")
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		id.Path = pathID(real)
	}
	return id
}

// page80 is the unit serial number of SCSI and SATA disks (SPC-3, 7.6.10).
func (s sysfs) page80(dir string) string {
	page, err := os.ReadFile(filepath.Join(dir, "device/vpd_pg80"))
	if err != nil || len(page) < 4 {
		return ""
	}
	return strings.TrimSpace(strings.Trim(string(page[4:]), "\x00"))
}

func (s sysfs) text(dir, file string) string {
	text, _ := os.ReadFile(filepath.Join(dir, file))
	return strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
}

func (s sysfs) number(dir, file string) int64 {
	n, _ := strconv.ParseInt(s.text(dir, file), 10, 64)
	return n
}
