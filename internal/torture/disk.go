package torture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// disk is a file system that a receiver's file does not fit on. Its zero value is none.
type disk struct{ mounted string }

func (d *disk) mount(place string, size int64) error {
	if err := unix.Mount("tmpfs", place, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return fmt.Errorf("mount a small disk at %s: %w", place, err)
	}
	d.mounted = place
	return nil
}

func (d *disk) close() error {
	if d.mounted == "" {
		return nil
	}
	if err := unix.Unmount(d.mounted, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", d.mounted, err)
	}
	d.mounted = ""
	return nil
}
