package linux

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// find gives the device that a name means, a disk or a partition. Disks and partitions that were found or made a moment ago are waited
// for.
func (d *Driver) find(ctx context.Context, device string) (block, error) {
	ctx, cancel := context.WithTimeout(ctx, d.appearing)
	defer cancel()
	for {
		b, err := d.sys.resolve(device)
		if err == nil {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return block{}, err
		case <-time.After(pollEvery):
		}
	}
}

// disk is find for what must be a whole disk.
func (d *Driver) disk(ctx context.Context, device string) (block, error) {
	b, err := d.find(ctx, device)
	if err == nil && b.number != 0 {
		err = fmt.Errorf("%s is a partition; want a disk", device)
	}
	return b, err
}

// resolve says what a name means right now.
func (s sysfs) resolve(device string) (block, error) {
	name, number := blockdev.Split(device)
	if err := blockdev.Check(name); err != nil {
		return block{}, fmt.Errorf("%s: %w", device, err)
	}
	disk, err := s.named(name)
	if err != nil {
		return block{}, err
	}
	if number == 0 {
		return s.present(disk)
	}
	for _, p := range s.partitions(disk.name) {
		if p.number == number {
			return s.present(p)
		}
	}
	return block{}, s.missing(device, disk)
}

// named gives the disk, or the partition by its kernel name.
func (s sysfs) named(device string) (block, error) {
	if blockdev.IsHint(device) {
		hint, err := blockdev.ParseHint(device)
		if err != nil {
			return block{}, err
		}
		return s.only(device, func(id identity) bool { return hint.Matches(id.Disk) })
	}
	name := device
	if link, err := os.Readlink(device); err == nil { // somebody runs udev here
		if name = link; !filepath.IsAbs(link) {
			name = filepath.Join(filepath.Dir(device), link)
		}
	} else if link, ok := strings.CutPrefix(device, "/dev/disk/"); ok {
		return s.only(device, func(id identity) bool { return id.Linked(link) })
	}
	if b, ok := s.volumeNamed(device); ok {
		return b, nil
	}
	b, err := s.block(strings.TrimPrefix(strings.TrimPrefix(name, s.dev), "/"))
	if err != nil {
		return block{}, s.missing(device, s.diskOf(name))
	}
	return b, nil
}

// only gives the one disk that is meant. Two are none: nobody knows which one is to be lost.
func (s sysfs) only(device string, meant func(identity) bool) (block, error) {
	disks, err := s.disks()
	if err != nil {
		return block{}, err
	}
	var found []block
	var all, several []string
	for _, b := range disks {
		id := s.identity(b)
		text := fmt.Sprintf("%s (%s)", b.path, id)
		all = append(all, text)
		if meant(id) {
			found, several = append(found, b), append(several, text)
		}
	}
	switch len(found) {
	case 0:
		return block{}, fmt.Errorf("%s: no such disk; there are %s", device, list(all))
	case 1:
		return found[0], nil
	}
	return block{}, fmt.Errorf("%s: which of %s? say more", device, list(several))
}

// present checks that the device can be opened: the kernel knows it before its node is there.
func (s sysfs) present(b block) (block, error) {
	if info, err := os.Stat(b.path); err != nil || info.Mode()&os.ModeDevice == 0 {
		return block{}, fmt.Errorf("%s: the kernel knows it, but there is no device node; is devtmpfs mounted on %s?", b.path, s.dev)
	}
	return b, nil
}

// diskOf is the disk whose name a device's begins with; the zero block when there is none.
func (s sysfs) diskOf(device string) (best block) {
	disks, _ := s.disks()
	for _, b := range disks {
		if strings.HasPrefix(device, b.path) && len(b.path) > len(best.path) {
			best = b
		}
	}
	return best
}

// missing says what there is instead of a device.
func (s sysfs) missing(device string, disk block) error {
	var there []string
	if disk.name == "" {
		disks, _ := s.disks()
		for _, b := range disks {
			there = append(there, b.path)
		}
		return fmt.Errorf("%s: no such disk; there are %s (is its driver in the deployment system?)", device, list(there))
	}
	for _, p := range s.partitions(disk.name) {
		there = append(there, p.path)
	}
	return fmt.Errorf("%s: no such partition; %s has %s", device, disk.path, list(there))
}

// maxListed bounds what one error lists.
const maxListed = 8

func list(names []string) string {
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > maxListed:
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(" and %d more", n-maxListed)
	}
	return strings.Join(names, ", ")
}
