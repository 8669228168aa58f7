package dirdisk

import "fmt"

// Partitions names the devices of all partitions in the order of their numbers, for a firmware that looks for something
// to boot. There are none without a table.
func (d *Disk) Partitions() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.load()
	if err != nil || t.Device == "" {
		return nil
	}
	stem := t.Device
	if last := stem[len(stem)-1]; last >= '0' && last <= '9' {
		stem += "p"
	}
	devices := make([]string, len(t.Partitions))
	for i, p := range t.Partitions {
		devices[i] = fmt.Sprint(stem, p.Number)
	}
	return devices
}
