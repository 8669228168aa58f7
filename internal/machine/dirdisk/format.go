package dirdisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// Format empties a partition and notes its file system. Options are for mkfs and change nothing here.
func (d *Disk) Format(_ context.Context, device, filesystem, _ string) error {
	if err := machine.CheckFilesystem(filesystem); err != nil {
		return fmt.Errorf("format %s: %w", device, err)
	}
	if err := d.fill(device, filesystem); err != nil {
		return fmt.Errorf("format %w", err)
	}
	return nil
}

// Swap makes a partition a swap area.
func (d *Disk) Swap(_ context.Context, device string) error {
	if err := d.fill(device, swap); err != nil {
		return fmt.Errorf("make swap: %w", err)
	}
	return nil
}

// fill unmounts and empties a partition, and notes what it holds from now on. Until it is empty it holds nothing.
func (d *Disk) fill(device, filesystem string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.load()
	if err != nil {
		return err
	}
	p, err := t.find(device)
	if err != nil {
		return err
	}
	if p.extended() {
		return fmt.Errorf("%s is an extended partition", device)
	}
	d.detach(p.Number)
	p.Filesystem, p.Raw = "", false
	if err := d.store(t); err != nil {
		return err
	}
	if err := d.sweep(t); err != nil {
		return err
	}
	if filesystem != swap {
		if err := os.MkdirAll(d.content(p.Number), 0o755); err != nil {
			return fmt.Errorf("sandbox disk: %w", err)
		}
	}
	p.Filesystem = filesystem
	return d.store(t)
}

// removeAll removes a tree with all that is below its read-only directories.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			return errors.Join(os.Chmod(path, 0o700), ignorePermission(err))
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func ignorePermission(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
