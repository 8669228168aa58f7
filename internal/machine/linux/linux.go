// Package linux is a machine whose disks are real: the driver of the deployment system's agent, which runs as root in the memory of a
// machine that is to be written anew. It calls the tools of the distribution (sfdisk, fdisk, parted, mkfs.*) for what they know best, and the
// kernel itself for the rest: mounts, the table read again, raw images, kexec.
//
// Before anything is written it refuses a disk that holds the running system: one with a file system that it has not mounted itself,
// an active swap area, or volumes (dm, md) that are in use. That is also what makes it fit for a machine that runs a system of its own. What a driver has mounted it knows as long as it lives, which is one boot.
package linux

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/internal/machine"
)

const (
	busyTime  = 10 * time.Second      // how long a disk or a mount may be busy before that is an error
	appearing = 10 * time.Second      // default of Config.Appearing
	pollEvery = 50 * time.Millisecond // of both
)

// Config says where the kernel shows its devices.
type Config struct {
	Sys string // "": /sys
	Dev string // "": /dev

	Appearing time.Duration // how long a disk or a partition may take to show up; 0: 10 s

	Guest bool // the machine runs a system of its own, which shall keep nothing of this: see Leave
}

// Driver implements machine.Machine, machine.Kexecer, machine.Bootable, machine.RootFinder, machine.Guard and machine.Inventorier. It is safe for concurrent use; one order
// at a time changes the machine.
type Driver struct {
	sys       sysfs
	appearing time.Duration
	guest     bool

	mu     sync.Mutex
	mounts []mount  // in the order they were made
	made   []string // directories that are to be removed
}

// mount is a file system that this driver has attached.
type mount struct {
	dir    string
	device block // the zero block: memory
}

// New makes the driver. It touches nothing yet.
func New(c Config) (*Driver, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("real disks: only root may write them")
	}
	return newDriver(c), nil
}

func newDriver(c Config) *Driver {
	return &Driver{sys: sysfs{dir: cmp.Or(c.Sys, "/sys"), dev: cmp.Or(c.Dev, "/dev")}, appearing: cmp.Or(c.Appearing, appearing), guest: c.Guest}
}

// mounted is what the driver has attached and not detached, oldest first.
func (d *Driver) mounted() []mount {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.mounts)
}

var _ interface {
	machine.Machine
	machine.Kexecer
	machine.Bootable
	machine.RootFinder
	machine.Guard
	machine.Inventorier
} = (*Driver)(nil)
