package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// Mount makes the directory when it is missing.
func (d *Driver) Mount(ctx context.Context, device, dir, filesystem string) error {
	if err := d.mount(ctx, device, dir, filesystem); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	return nil
}

func (d *Driver) mount(ctx context.Context, device, dir, filesystem string) error {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return err
	}
	b, err := d.find(ctx, device)
	if err != nil {
		return err
	}
	there, err := mountedOn(dir)
	switch {
	case err != nil:
		return err
	case there != nil && there.of(b):
		d.remember(mount{dir, b})
		return nil
	case there != nil:
		return fmt.Errorf("%s is mounted on %s already", there.source, dir)
	}
	holds, err := signatureOf(b)
	if err != nil {
		return err
	}
	if filesystem == "" {
		filesystem = holds.kind
	}
	if err := d.makeDir(dir); err != nil {
		return err
	}
	if err := unix.Mount(b.path, dir, filesystem, 0, ""); err != nil {
		return explainMount(err, filesystem, holds)
	}
	d.remember(mount{dir, b})
	return nil
}

// explainMount says what the kernel's number means here.
func explainMount(err error, filesystem string, holds signature) error {
	switch {
	case holds.kind == "":
		return errors.New("it holds no file system, format it first")
	case holds.kind == "swap":
		return errors.New("it is a swap area")
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("this kernel does not know %s; put its module into the deployment system", filesystem)
	case holds.kind != filesystem:
		return fmt.Errorf("it holds %s, not %s (%w)", holds.kind, filesystem, err)
	}
	return fmt.Errorf("as %s: %w", filesystem, err)
}

// mountedOn is what one sees in a directory; nil: nothing is mounted there.
func mountedOn(dir string) (*mountLine, error) {
	all, err := readMounts()
	if err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(all) { // later ones lie above
		if m.dir == dir {
			return &m, nil
		}
	}
	return nil, nil
}

func (d *Driver) remember(m mount) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.mounts, m) {
		d.mounts = append(d.mounts, m)
	}
}

func (d *Driver) forget(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mounts = slices.DeleteFunc(d.mounts, func(m mount) bool { return m.dir == dir })
}

// Umount detaches a directory and what scripts have mounted below it (proc, dev of a chroot). It is a real one: when it returns, everything
// is on the disk and nobody writes there any more. Who holds a directory that stays busy is in the error.
func (d *Driver) Umount(ctx context.Context, dir string) error {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return fmt.Errorf("umount: %w", err)
	}
	all, err := readMounts()
	if err != nil {
		return fmt.Errorf("umount %s: %w", dir, err)
	}
	for _, m := range slices.Backward(all) {
		if m.dir != dir && !strings.HasPrefix(m.dir, dir+"/") {
			continue
		}
		if err := detach(ctx, m.dir); err != nil {
			return fmt.Errorf("umount %s: %w", m.dir, err)
		}
		d.forget(m.dir)
	}
	return nil
}

func detach(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, busyTime)
	defer cancel()
	for {
		err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: it is used by %s", err, list(usersOf(dir)))
		case <-time.After(pollEvery):
		}
	}
}

// Sync asks each file system itself first: that call tells of blocks that could not be written (syncfs(2)).
func (d *Driver) Sync(ctx context.Context) error {
	for _, m := range d.mounted() {
		f, err := os.Open(m.dir)
		if err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		err = unix.Syncfs(int(f.Fd()))
		f.Close()
		if err != nil {
			return fmt.Errorf("sync %s: %w", m.dir, err)
		}
	}
	unix.Sync()
	return nil
}
