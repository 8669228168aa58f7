package linux

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// stack is what the kernel has made of a disk or a partition, arrays and volumes, in the order to stop it: what is on top comes first. What is made of
// several of them comes several times.
func (s sysfs) stack(b block) []block {
	var all []block
	for _, name := range s.holders(b) {
		holder, err := s.block(name)
		if err != nil {
			continue // it has just gone
		}
		for _, on := range append(s.partitions(holder.name), holder) {
			all = append(all, s.stack(on)...)
		}
		all = append(all, holder)
	}
	return all
}

// unstack stops all arrays and volumes that are on disks, so that the disks can be written anew. It is refused, and nothing is stopped, when
// anything of it is in use.
func (d *Driver) unstack(ctx context.Context, disks []block) error {
	var parts, stacked []block
	for _, disk := range disks {
		for _, part := range d.parts(disk) {
			parts = append(parts, part)
			stacked = append(stacked, d.sys.stack(part)...)
		}
	}
	for _, b := range stacked {
		parts = append(parts, d.parts(b)...)
	}
	if err := d.busy(parts); err != nil {
		return err
	}
	if err := d.leave(ctx, parts); err != nil {
		return err
	}
	for i, b := range stacked {
		if slices.ContainsFunc(stacked[:i], func(done block) bool { return done.name == b.name }) {
			continue
		}
		if err := d.stop(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// stop stops one array or volume, which loses nothing of its content.
func (d *Driver) stop(ctx context.Context, b block) error {
	tool := script.Config{Name: "mdadm", Args: []string{"--stop", b.path}}
	if name := d.sys.volume(b); name != "" {
		d.sys.unlink(b)
		tool = script.Config{Name: "dmsetup", Args: []string{"remove", "--noudevsync", "--retry", name}}
	}
	if _, err := script.Tool(ctx, tool); err != nil {
		return fmt.Errorf("stop %s: %w", b.name, err)
	}
	return nil
}

// volume is the name that the device mapper has for a device: vg0-root; "": it is not of the device mapper.
func (s sysfs) volume(b block) string {
	return s.text(filepath.Join(s.dir, "class/block", b.name), "dm/name")
}

// unlink removes the links to a volume, which lvm has made because there is no udev: it makes no group whose directory is not empty.
func (s sysfs) unlink(b block) {
	links, _ := filepath.Glob(filepath.Join(s.dev, "*", "*"))
	for _, link := range links {
		if info, err := os.Lstat(link); err == nil && info.Mode()&os.ModeSymlink != 0 && sameDevice(link, b) {
			os.Remove(link)
			os.Remove(filepath.Dir(link)) // when it was the last one
		}
	}
}

// volumeNamed finds the device of /dev/GROUP/VOLUME or /dev/mapper/NAME, with or without the links that udev or lvm make.
func (s sysfs) volumeNamed(device string) (block, bool) {
	group, name, ok := strings.Cut(strings.TrimPrefix(device, s.dev+"/"), "/")
	if !ok {
		return block{}, false
	}
	if group != "mapper" { // lvm doubles the hyphens of both names and puts one between (lvm(8))
		name = strings.ReplaceAll(group, "-", "--") + "-" + strings.ReplaceAll(name, "-", "--")
	}
	found, _ := filepath.Glob(filepath.Join(s.dir, "block", "dm-*"))
	for _, dir := range found {
		if s.text(dir, "dm/name") == name {
			b, err := s.block(filepath.Base(dir))
			return b, err == nil
		}
	}
	return block{}, false
}
