// Package blockdev is how disks and their partitions are written in configurations and orders. It touches no machine; which
// disk a name means is found out by internal/machine/linux.
//
// A disk is written as a kernel name (/dev/sda, /dev/nvme0n1), as one of the links that udev makes (/dev/disk/by-id/..,
// /dev/disk/by-path/..), or as a hint for when neither is known beforehand: serial=TEXT, model=TEXT, size>=100G. Its partition
// 3 is /dev/sda3, /dev/nvme0n1p3, and for links and hints, as udev writes it, /dev/disk/by-id/X-part3 and serial=X-part3.
package blockdev

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const links = "/dev/disk/"

// maxName bounds a name, in bytes; udev's are shorter than 256.
const maxName = 512

// Partition names a partition of a disk. Part is its number, or a suffix that is taken as it is (p3, -part3).
func Partition(disk, part string) string {
	switch {
	case part == "" || !digit(part[0]):
		return disk + part
	case !strings.HasPrefix(disk, "/") || strings.HasPrefix(disk, links):
		return disk + "-part" + part
	case disk != "" && digit(disk[len(disk)-1]):
		return disk + "p" + part
	}
	return disk + part
}

// Number is that of a partition that is written as Partition takes it (3, p3, -part3); 0: it has none.
func Number(part string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(part, "-part"), "p"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

var kernelName = regexp.MustCompile(`^/dev/(?:(?:sd|hd|vd|xvd)([a-z])|nvme([0-9]{1,2})n1|mmcblk([0-9]{1,2}))$`)

// Ordinal is the place of a disk among those of its kind, from 0, as the kernel's name says: 1 of /dev/sdb. Links and hints say none.
func Ordinal(disk string) (n int, ok bool) {
	m := kernelName.FindStringSubmatch(disk)
	if m == nil {
		return 0, false
	}
	if m[1] != "" {
		return int(m[1][0] - 'a'), true
	}
	n, err := strconv.Atoi(m[2] + m[3]) // one of them is ""
	return n, err == nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

var suffix = regexp.MustCompile(`^(.+)-part([1-9][0-9]{0,3})$`)

// Split takes the partition number from the name of a link or a hint; 0: the disk itself. Kernel names come back whole: what
// they mean only the kernel knows (/dev/md1 is a disk).
func Split(device string) (disk string, number int) {
	if m := suffix.FindStringSubmatch(device); m != nil && (strings.HasPrefix(device, links) || !strings.HasPrefix(device, "/")) {
		number, _ = strconv.Atoi(m[2]) // four digits
		return m[1], number
	}
	return device, 0
}

// Hint is a wish for a disk.
type Hint struct {
	key, text string
	size      int64 // bytes, at least
}

// IsHint says whether a device is written as a hint.
func IsHint(device string) bool { return !strings.HasPrefix(device, "/") }

// ParseHint reads serial=TEXT, model=TEXT or size>=NUMBER with K, M, G or T (powers of 1024).
func ParseHint(text string) (Hint, error) {
	key, value, ok := strings.Cut(text, "=")
	value = strings.TrimSpace(value)
	switch {
	case !ok || value == "":
	case key == "serial" || key == "model":
		return Hint{key: key, text: value}, nil
	case key == "size>":
		size, err := parseSize(value)
		return Hint{key: key, size: size}, err
	}
	return Hint{}, fmt.Errorf("disk %q: want /dev/NAME, /dev/disk/by-id/NAME, /dev/disk/by-path/NAME, serial=TEXT, model=TEXT or size>=100G", text)
}

// Matches says whether the disk is one of those that the hint means: the serial number is equal, the model holds the text,
// in any case of letters.
func (h Hint) Matches(d Disk) bool {
	switch h.key {
	case "serial":
		return strings.EqualFold(d.Serial, h.text)
	case "model":
		return strings.Contains(strings.ToLower(d.Model), strings.ToLower(h.text))
	}
	return d.Size >= h.size
}

func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	if i := strings.IndexByte("KMGT", text[len(text)-1]&^0x20); i >= 0 {
		number, unit = text[:len(text)-1], 1<<(10*(i+1))
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("size %q: want a number with K, M, G or T, such as 100G", text)
	}
	return n * unit, nil
}

// Check says what is wrong with how a disk is written.
func Check(device string) error {
	switch {
	case len(device) > maxName:
		return fmt.Errorf("the name of a disk has %d bytes, more than %d", len(device), maxName)
	case IsHint(device):
		_, err := ParseHint(device)
		return err
	case !strings.HasPrefix(device, "/dev/") || path.Clean(device) != device || device == strings.TrimSuffix(links, "/"):
		return errors.New("want the path of a disk, such as /dev/sda")
	}
	return nil
}
