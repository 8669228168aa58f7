package linux

import (
	"context"
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// RootDevice implements machine.RootFinder.
func (d *Driver) RootDevice(ctx context.Context, device string) (string, error) {
	b, err := d.find(ctx, device)
	if err != nil {
		return "", err
	}
	switch {
	case d.sys.volume(b) != "":
		return device, nil // /dev/vg0/root
	case strings.HasPrefix(b.name, "md"):
		return d.rootArray(b)
	}
	if !blockdev.IsHint(device) && !strings.HasPrefix(device, "/dev/disk/") {
		return b.path, nil
	}
	disk, err := d.sys.block(b.parent)
	if err != nil {
		return "", err
	}
	t, err := d.table(ctx, disk)
	if err != nil {
		return "", err
	}
	for _, e := range t.partitions {
		if e.number == b.number {
			return "PARTUUID=" + e.uuid, nil
		}
	}
	return "", fmt.Errorf("%s is not in the partition table of %s", device, disk.path)
}

// rootArray names an array by the file system in it: which number the deployed system gives to the array is its own business (mdadm.conf(5)).
func (d *Driver) rootArray(b block) (string, error) {
	holds, err := signatureOf(b)
	if err != nil || holds.uuid == "" {
		return b.path, err
	}
	return "UUID=" + holds.uuid, nil
}
