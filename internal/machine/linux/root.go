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
