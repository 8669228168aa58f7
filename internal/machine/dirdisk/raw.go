package dirdisk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/readback"
)

// Device opens a partition, or the whole disk by its own name, for a raw image. What it held is lost at once, the whole
// disk's partitions too.
func (d *Disk) Device(device string, size int64) (machine.Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.load()
	if err != nil {
		return nil, err
	}
	if d.capacity != nil && size > d.capacity.limit {
		return nil, fmt.Errorf("write to %s: %w", device, d.capacity.full(size))
	}
	number, err := t.erase(device)
	if err != nil {
		return nil, fmt.Errorf("write to %w", err)
	}
	if number == 0 {
		clear(d.mounts)
	}
	d.detach(number)
	if err := d.store(t); err != nil {
		return nil, err
	}
	if err := d.sweep(t); err != nil {
		return nil, err
	}
	file := d.image(number)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("sandbox disk: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox disk: %w", err)
	}
	return &raw{disk: d, file: f, device: device}, nil
}

// disks are the names of whole disks, needed only while there is no table that would name its own.
var disks = regexp.MustCompile(`^/dev/([shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$`)

// erase notes that a partition holds nothing; number 0 is the whole disk.
func (t *table) erase(device string) (int, error) {
	if t.Device == device || t.Device == "" && disks.MatchString(device) {
		t.Device, t.Partitions = device, nil
		return 0, nil
	}
	p, err := t.find(device)
	if err != nil {
		return 0, err
	}
	p.Filesystem, p.Raw = "", false
	return p.Number, nil
}

// raw is an image being written.
type raw struct {
	disk   *Disk
	file   *os.File
	device string
	check  *readback.Written // nil: nothing is read back
}

// Verify implements machine.Device.
func (r *raw) Verify() { r.check = &readback.Written{} }

func (r *raw) Write(p []byte) (int, error) {
	if r.disk.budget != nil {
		if err := r.disk.budget.Take(int64(len(p))); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Write(p)
	if r.check != nil {
		r.check.Write(p[:n])
	}
	return n, err
}

// Close gives up.
func (r *raw) Close() error { return r.file.Close() }

func (r *raw) readBack(ctx context.Context) error {
	f, err := os.Open(r.file.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	return r.check.Compare(ctx, f)
}

// Commit notes that the partition holds an image. The table does not tell of one on the whole disk.
func (r *raw) Commit(ctx context.Context) error {
	if err := r.file.Close(); err != nil {
		return err
	}
	if r.check != nil {
		if err := r.readBack(ctx); err != nil {
			return err
		}
	}
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	t, err := r.disk.load()
	if err != nil || t.Device == r.device {
		return err
	}
	p, err := t.find(r.device)
	if err != nil {
		return err
	}
	p.Raw = true
	return r.disk.store(t)
}

var _ machine.Machine = (*Disk)(nil)
