package dirdisk

import (
	"strconv"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// Partitions names the devices of all partitions in the order of their numbers, for a firmware that looks for something
// to boot. There are none without a table.
func (d *Disk) Partitions() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.load()
	if err != nil || t.Device == "" {
		return nil
	}
	devices := make([]string, len(t.Partitions))
	for i, p := range t.Partitions {
		devices[i] = blockdev.Partition(t.Device, strconv.Itoa(p.Number))
	}
	return devices
}
