package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// GRUB's images follow the first bootConfig that they find on any disk. One that an earlier deployment has left on another partition would start
// that system, and nobody would notice: so those are put aside before a new one is written.

// readByGRUB are the file systems that its images have modules for.
var readByGRUB = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"}

// candidate is a disk or a partition with what it holds.
type candidate struct {
	block
	holds string // kind of signature
	table bool   // it is a disk with partitions: GRUB reads those, not the disk
}

// rivals are the devices beside the deployed one that GRUB may find a file on.
func rivals(all []candidate, deployed block) []candidate {
	return slices.DeleteFunc(slices.Clone(all), func(c candidate) bool {
		return c.name == deployed.name || c.table || !slices.Contains(readByGRUB, c.holds)
	})
}

// candidates are all disks of the machine and their partitions. One that cannot be read, GRUB cannot read either.
func (d *Driver) candidates() ([]candidate, error) {
	disks, err := d.sys.disks()
	if err != nil {
		return nil, err
	}
	var all []candidate
	for _, disk := range disks {
		parts := d.parts(disk)
		for _, b := range parts {
			holds, _ := signatureOf(b)
			all = append(all, candidate{b, holds.kind, b.number == 0 && len(parts) > 1})
		}
	}
	return all, nil
}

// retireRivals renames bootConfig on all other file systems of the machine. It fails at one that cannot be looked at, or is in use and has one.
func (d *Driver) retireRivals(ctx context.Context, deployed block) error {
	all, err := d.candidates()
	if err != nil {
		return err
	}
	for _, c := range rivals(all, deployed) {
		if err := d.retireOn(ctx, c); err != nil {
			return fmt.Errorf("%s may have a %s of an earlier deployment, which GRUB would follow: %w", c.path, bootConfig, err)
		}
	}
	return nil
}

func (d *Driver) retireOn(ctx context.Context, c candidate) error {
	if on := d.sys.stack(c.block); len(on) > 0 { // half of a mirror: the whole is what may be changed
		c.block = on[0]
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	mounts = slices.DeleteFunc(mounts, func(m mountLine) bool { return !m.of(c.block) })
	if len(mounts) == 0 {
		return retireUnmounted(ctx, c)
	}
	ours := d.mounted()
	for _, m := range mounts {
		if slices.ContainsFunc(ours, func(o mount) bool { return o.dir == m.dir }) {
			return retire(m.dir)
		}
		if _, err := os.Lstat(filepath.Join(m.dir, bootConfig)); err == nil {
			return fmt.Errorf("it is mounted on %s by the running system, and has one; remove the file, or deploy from the deployment system", m.dir)
		}
	}
	return nil
}

func retireUnmounted(ctx context.Context, c candidate) error {
	dir, err := os.MkdirTemp("/", ".kadeploy-rival-") // the root of the deployment system is memory
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	options := ""
	if c.holds == "xfs" {
		options = "nouuid" // the same image may be on the deployed partition
	}
	if err := unix.Mount(c.path, dir, c.holds, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
		return fmt.Errorf("mount it: %w (or format it, if nobody needs it)", explainMount(err, c.holds, signature{kind: c.holds}))
	}
	err = retire(dir)
	return errors.Join(err, detach(context.WithoutCancel(ctx), dir))
}

// retire renames the file in a file system, whose links lead nowhere else.
func retire(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	at, err := rooted.Resolve(root, bootConfig)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Rename(at, at+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
