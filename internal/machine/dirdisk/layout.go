package dirdisk

import (
	"fmt"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// plain gives the partitions of a layout of one disk. A share, and what is left, are sizes that are not known here.
func (d *Disk) plain(t machine.Table) ([]Partition, error) {
	l, err := disklayout.Decode(t.Script)
	if err != nil {
		return nil, err
	}
	if _, err := l.On(t.Device); err != nil {
		return nil, err
	}
	if what := l.Beyond(); what != "" {
		return nil, fmt.Errorf("the layout has %s: a sandbox node has one disk with partitions; deploy to a machine with real disks, or in the lab", what)
	}
	parts := make([]Partition, len(l.Partitions))
	for i, p := range l.Partitions {
		parts[i] = Partition{Number: i + 1, Size: p.Size.Bytes, Type: p.Role.DOS()}
	}
	return parts, nil
}
