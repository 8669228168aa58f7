// Package dirdisk is a machine whose disk is a directory: the sandbox. Nothing of it touches a real disk.
//
//	ROOT/table.json   the partition table and what each partition holds
//	ROOT/part/N/      the files of partition N
//	ROOT/raw/N        a raw image written to partition N; raw/0 to the whole disk
//	ROOT/ram/         the memory of one boot: the deployment system's root, where pre- and post-installs are unpacked
//
// It keeps the rules of a disk: only partitions that exist can be formatted, only what is formatted can be mounted,
// and all partitions together hold no more than the capacity. Sizes of single partitions are written down, not enforced.
// Mounts are known to the Disk value that made them, as they are to one boot; all else is read from the directory each
// time, so that the firmware sees through its own value what an agent did through another.
//
// Scripts run for real, on this machine: in their arguments and variables, directories of the sandbox are replaced by
// where they really are, and they can write below ROOT only.
package dirdisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// DefaultMemory bounds what pre- and post-install archives unpack to.
const DefaultMemory = 1 << 30

// Config says where the disk is.
type Config struct {
	Root     string // directory; made when missing, for its owner only
	Capacity int64  // bytes on all partitions; 0: unlimited
	Memory   int64  // bytes below ram/; 0: DefaultMemory
	Rate     int64  // bytes a second that archives and raw images are written with; 0: as fast as the directory takes them
}

// Disk implements machine.Machine. It is safe for concurrent use; one order at a time changes it.
type Disk struct {
	root     string
	capacity *capacity      // nil: unlimited
	budget   archive.Budget // of all partitions; nil: neither a limit nor a rate
	memory   *capacity

	mu     sync.Mutex
	mounts map[string]int // directory -> partition number
	booted bool           // ram/ was emptied by this value
}

// Open opens the disk in a directory, without changing what is in it.
func Open(c Config) (*Disk, error) {
	if c.Root == "" || c.Capacity < 0 || c.Memory < 0 || c.Rate < 0 {
		return nil, errors.New("sandbox disk: its directory must be given, sizes must not be negative")
	}
	root, err := filepath.Abs(c.Root)
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox disk: %w", err)
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	d := &Disk{root: root, mounts: make(map[string]int)}
	d.memory = &capacity{limit: c.Memory, dirs: []string{d.ram()}}
	if c.Capacity > 0 {
		d.capacity = &capacity{limit: c.Capacity, dirs: []string{filepath.Join(root, "part"), filepath.Join(root, "raw")}}
		d.budget = d.capacity
	}
	if c.Rate > 0 {
		d.budget = &slow{room: d.budget, rate: c.Rate}
	}
	return d, nil
}

// PartitionDir is the directory with the files of a formatted partition; false when there is no such partition or it
// holds no file system.
func (d *Disk) PartitionDir(device string) (string, bool) {
	p, err := d.find(device)
	if err != nil || !p.mountable() {
		return "", false
	}
	return d.content(p.Number), true
}

// Filesystem names the file system of a partition, "swap", or "" when it holds none.
func (d *Disk) Filesystem(device string) string {
	p, err := d.find(device)
	if err != nil {
		return ""
	}
	return p.Filesystem
}

func (d *Disk) find(device string) (Partition, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.load()
	if err != nil {
		return Partition{}, err
	}
	p, err := t.find(device)
	if err != nil {
		return Partition{}, err
	}
	return *p, nil
}

func (d *Disk) content(number int) string { return filepath.Join(d.root, "part", fmt.Sprint(number)) }
func (d *Disk) image(number int) string   { return filepath.Join(d.root, "raw", fmt.Sprint(number)) }
func (d *Disk) ram() string               { return filepath.Join(d.root, "ram") }
