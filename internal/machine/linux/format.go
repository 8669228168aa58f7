package linux

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// unasked has mkfs ask nothing and mind nothing that was there before, by file system. Others are called with the site's options only; what
// they ask, nobody answers.
var unasked = map[string][]string{
	"ext2": {"-q", "-F"}, "ext3": {"-q", "-F"}, "ext4": {"-q", "-F"},
	"xfs": {"-q", "-f"}, "btrfs": {"-q", "-f"},
	"f2fs": {"-q", "-f"}, "jfs": {"-q"}, "reiserfs": {"-q", "-ff"},
}

// Format runs `mkfs.FILESYSTEM [options] device`; options are the site's, split on blanks.
func (d *Driver) Format(ctx context.Context, device, filesystem, options string) error {
	err := machine.CheckFilesystem(filesystem)
	if err == nil {
		err = d.fill(ctx, device, "mkfs."+filesystem, slices.Concat(unasked[filesystem], strings.Fields(options)))
	}
	if err != nil {
		return fmt.Errorf("format %s: %w", device, err)
	}
	return nil
}

// Swap makes a swap area, which is not used.
func (d *Driver) Swap(ctx context.Context, device string) error {
	if err := d.fill(ctx, device, "mkswap", nil); err != nil {
		return fmt.Errorf("make swap: %w", err)
	}
	return nil
}

// fill has a tool write to a partition that nobody uses and that holds nothing: not every mkfs removes what the others left.
func (d *Driver) fill(ctx context.Context, device, tool string, args []string) error {
	b, err := d.find(ctx, device)
	if err != nil {
		return err
	}
	if err := d.free(ctx, b); err != nil {
		return err
	}
	if err := wipe(b); err != nil {
		return err
	}
	_, err = script.Tool(ctx, script.Config{Name: tool, Args: append(args, b.path)})
	return err
}

// wiped is how much of both ends of a device is cleared: every superblock and its copy at the end (btrfs at 64 KiB, the md formats at either
// end, GPT in the first and the last 34 sectors).
const wiped = 1 << 20

// wipe clears both ends of a device.
func wipe(b block) error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|unix.O_EXCL, 0) // exclusively: fails when the device is in use (open(2))
	if err != nil {
		return fmt.Errorf("wipe: %w", err)
	}
	defer f.Close()
	zeros := make([]byte, min(wiped, b.size))
	for _, at := range []int64{0, b.size - int64(len(zeros))} {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return fmt.Errorf("wipe: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("wipe: %w", err)
	}
	return f.Close()
}
