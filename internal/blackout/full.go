package blackout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// diskSize is enough for the database of a run.
const diskSize = 24 << 20

// disk is a small file system for the database alone, which is full at times.
type disk struct{ dir string }

// newDisk mounts one below dir. The caller is in a mount namespace of its own, and root.
func newDisk(dir string) (*disk, error) {
	d := &disk{filepath.Join(dir, "disk")}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount("blackout", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs at %s: %w", d.dir, err)
	}
	return d, nil
}

func (d *disk) close() { _ = unix.Unmount(d.dir, unix.MNT_DETACH) } // it is gone with the namespace in any case

// come fills it to the last byte.
func (d *disk) come() error {
	err := d.fill()
	if errors.Is(err, unix.ENOSPC) { // it was full already
		return nil
	}
	return err
}

// goAway makes room again.
func (d *disk) goAway() error {
	if err := os.Remove(d.ballast()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			block = block[:len(block)/2] // to the last byte
		} else if err != nil {
			return err
		}
	}
	return nil
}
