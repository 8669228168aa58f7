package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// Partition replaces the table of a disk by what the site's script makes. A partition that starts and ends where one did before keeps what
// it holds (a site may have its production system beside); of kinds fdisk and sfdisk, all others hold nothing any more, so that nobody takes
// an old file system for theirs. A parted script may make file systems of its own, so nothing is wiped after it.
//
// Of kind layout, t.Script is what internal/disklayout encodes, and all disks of the layout are written; see layOut.
//
// It returns when the kernel has read the new table, every partition has its device node, and both agree.
func (d *Driver) Partition(ctx context.Context, t machine.Table) (string, error) {
	var output string
	var err error
	if t.Kind == disklayout.Kind {
		err = d.layOut(ctx, t)
	} else {
		output, err = d.partition(ctx, t)
	}
	if err != nil {
		err = fmt.Errorf("partition %s: %w", t.Device, err)
	}
	return output, err
}

func (d *Driver) partition(ctx context.Context, t machine.Table) (string, error) {
	disk, err := d.disk(ctx, t.Device)
	if err != nil {
		return "", err
	}
	if err := d.free(ctx, disk); err != nil {
		return "", err
	}
	before, _ := d.table(ctx, disk) // a disk without a table, or with a broken one, has nothing that is kept
	output, err := d.write(ctx, disk, t)
	if err != nil {
		return output, err
	}
	after, err := d.table(ctx, disk)
	if err != nil {
		return output, err
	}
	if t.Kind == "sfdisk" {
		if err := fits(string(t.Script), disk, after); err != nil {
			return output, err
		}
	}
	if err := d.settle(ctx, disk, after); err != nil {
		return output, err
	}
	if t.Kind == "parted" {
		return output, nil
	}
	return output, d.wipeNew(disk, before, after)
}

// settle has the kernel read the table that is on a disk now, and returns when both agree.
func (d *Driver) settle(ctx context.Context, disk block, t table) error {
	if err := d.reread(ctx, disk); err != nil {
		return err
	}
	return d.agree(ctx, disk, t)
}

// write has the tool of the kind do its work.
func (d *Driver) write(ctx context.Context, disk block, t machine.Table) (string, error) {
	switch t.Kind {
	case "fdisk":
		return typeFdisk(ctx, disk, t.Script)
	case "sfdisk":
		return feedSfdisk(ctx, disk, t.Script)
	case "parted":
		return d.runParted(ctx, t)
	}
	return "", fmt.Errorf("kind %q: want fdisk, parted, sfdisk or layout", t.Kind)
}

// typeFdisk types the lines. fdisk takes what it does not understand for a slip of the fingers and exits 0: what it says is the proof.
func typeFdisk(ctx context.Context, disk block, lines []byte) (string, error) {
	if !slices.ContainsFunc(bytes.Split(lines, []byte("\n")), func(l []byte) bool { return string(bytes.TrimSpace(l)) == "w" }) {
		return "", errors.New("the fdisk script does not reach the command w: nothing would be written")
	}
	output, err := script.Tool(ctx, script.Config{Name: "fdisk", Stdin: lines,
		Args: []string{"--wipe", "always", "--wipe-partitions", "never", "--color=never", disk.path}})
	written := strings.Contains(output, "has been altered")
	switch {
	case err != nil && !written: // it also exits 1 when the kernel did not read the table again; we do that ourselves
		return output, err
	case !written:
		return output, errors.New("fdisk has not written the table; its output says which line it did not take")
	}
	return output, nil
}

// runParted runs the site's executable.
func (d *Driver) runParted(ctx context.Context, t machine.Table) (string, error) {
	if err := os.MkdirAll(os.TempDir(), 0o777); err != nil { // a bare deployment system has none
		return "", err
	}
	dir, err := os.MkdirTemp("", "kadeploy-partition-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "partition")
	if err := os.WriteFile(file, t.Script, 0o700); err != nil {
		return "", err
	}
	return script.Run(ctx, script.Config{Name: "partition script", File: file, Dir: dir, Env: d.translate(t.Env)})
}

// free makes sure that nothing uses a disk or a partition: what this driver has mounted is unmounted, for everything else it is refused.
func (d *Driver) free(ctx context.Context, b block) error {
	if err := d.refuse(b); err != nil {
		return err
	}
	return d.leave(ctx, d.parts(b))
}

// leave unmounts what this driver has mounted of devices.
func (d *Driver) leave(ctx context.Context, devices []block) error {
	for _, m := range slices.Backward(d.mounted()) {
		if slices.ContainsFunc(devices, func(b block) bool { return b.name == m.device.name }) {
			if err := d.Umount(ctx, m.dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// reread has the kernel read the table of a disk, which must be free for a moment.
func (d *Driver) reread(ctx context.Context, disk block) error {
	ctx, cancel := context.WithTimeout(ctx, busyTime)
	defer cancel()
	for {
		err := rereadOnce(disk)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("have the kernel read the table again: %w", err)
		}
		select {
		case <-ctx.Done():
			if why := d.refuse(disk); why != nil {
				return fmt.Errorf("have the kernel read the table again: %w", why)
			}
			return fmt.Errorf("have the kernel read the table again: %w: it is used by %s", err, list(usersOf(d.paths(disk)...)))
		case <-time.After(pollEvery):
		}
	}
}

func rereadOnce(disk block) error {
	f, err := os.OpenFile(disk.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := unix.IoctlRetInt(int(f.Fd()), unix.BLKRRPART); err != nil {
		return err
	}
	return nil
}
