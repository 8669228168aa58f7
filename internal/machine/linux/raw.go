package linux

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/readback"
)

// Device opens a partition or a disk that nobody uses. It holds nothing from then on.
func (d *Driver) Device(device string, size int64) (machine.Device, error) {
	ctx := context.Background() // bounded by the waits themselves
	b, err := d.find(ctx, device)
	if err == nil && size > b.size {
		err = tooLarge(b)
	}
	if err == nil {
		err = d.free(ctx, b)
	}
	if err == nil {
		err = wipe(b)
	}
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", device, err)
	}
	f, err := os.OpenFile(b.path, os.O_WRONLY|unix.O_EXCL, 0)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", device, err)
	}
	return &raw{driver: d, file: f, device: b, left: b.size}, nil
}

// raw is an image being written.
type raw struct {
	driver *Driver
	file   *os.File
	device block
	left   int64             // bytes to the end of the device
	check  *readback.Written // nil: nothing is read back
}

// Verify implements machine.Device.
func (r *raw) Verify() { r.check = &readback.Written{} }

// Write writes nothing of what does not fit.
func (r *raw) Write(p []byte) (int, error) {
	if int64(len(p)) > r.left {
		return 0, tooLarge(r.device)
	}
	n, err := r.file.Write(p)
	r.left -= int64(n)
	if r.check != nil {
		r.check.Write(p[:n])
	}
	return n, err
}

func tooLarge(b block) error {
	return fmt.Errorf("%w: the image is larger than %s, which has %d bytes", unix.ENOSPC, b.path, b.size)
}

// Close gives up: no half of an image shall look like one.
func (r *raw) Close() error {
	if err := r.file.Close(); err != nil {
		return err
	}
	return wipe(r.device)
}

// readBack compares what the disk holds, not what the kernel has in memory of it, with what was written. A disk that has something else is
// left without a beginning.
func (r *raw) readBack(ctx context.Context) error {
	f, err := os.Open(r.device.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := unix.IoctlRetInt(int(f.Fd()), unix.BLKFLSBUF); err != nil {
		return fmt.Errorf("read the image back: drop what is in memory: %w", err)
	}
	if err := r.check.Compare(ctx, f); err != nil {
		r.file.Close() // wipe needs the device for itself
		return errors.Join(err, wipe(r.device))
	}
	return nil
}

// Commit returns when the image is on the disk and the kernel knows the partitions that it brought.
func (r *raw) Commit(ctx context.Context) error {
	err := r.file.Sync()
	if err == nil && r.check != nil {
		err = r.readBack(ctx)
	}
	if cerr := r.file.Close(); err == nil {
		err = cerr
	}
	if err != nil || r.device.number != 0 {
		return err
	}
	return r.driver.reread(ctx, r.device)
}
