// Package machine says what an agent may do to the machine it runs on. It holds the vocabulary only; a driver does the
// work: dirdisk, whose disk is a directory (the sandbox), is the one there is. Drivers for real disks are later work.
//
// Every operation is idempotent: repeating it after a half-done try works, or says why it cannot. Devices and
// directories are named as the deployment system names them (/dev/sda3, /mnt/dest), whatever a driver makes of them.
package machine

import (
	"context"
	"io"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// Machine is a whole driver. One order runs at a time, but its methods are safe for concurrent use.
type Machine interface {
	Disk
	Mounts
	Storage
	Runner
}

// Disk makes partitions and file systems.
type Disk interface {
	// Partition replaces the partition table. The text is what the script printed, at most script.TailSize bytes.
	Partition(ctx context.Context, t Table) (string, error)
	// Format makes an empty file system on a partition, which is unmounted first (Kadeploy3 format_deploy_part).
	Format(ctx context.Context, device, filesystem, options string) error
	// Swap makes a partition a swap area.
	Swap(ctx context.Context, device string) error
}

// Mounts attaches file systems to directories.
type Mounts interface {
	// Mount attaches the file system of a device to a directory; what is mounted there already is no error.
	Mount(ctx context.Context, device, dir, filesystem string) error
	// Umount detaches a directory; one where nothing is mounted is no error.
	Umount(ctx context.Context, dir string) error
	// Sync returns when everything written would survive the loss of power.
	Sync(ctx context.Context) error
}

// Storage opens the places that data goes to.
type Storage interface {
	// Tree gives the mounted directory dir, or a directory below one, or / of the deployment system.
	Tree(dir string) (Tree, error)
	// Scratch gives a directory for pre- and post-installs, made when missing. It is in memory and the next boot does not
	// see it, unless dir is below a mount.
	Scratch(dir string) (Tree, error)
	// Device opens a partition or the whole disk for writing from its first byte.
	Device(device string) (Device, error)
}

// Device is a raw image being written. Close without Commit leaves a device that holds nothing of use.
type Device interface {
	io.WriteCloser
	Commit() error // the image is complete; the device is closed
}

// Runner runs the scripts of pre- and post-installs.
type Runner interface {
	// RunScript returns the last output of the script, also when it failed.
	RunScript(ctx context.Context, s Script) (string, error)
}

// Tree is a directory that an archive may be unpacked into.
type Tree struct {
	Path    string         // where it really is
	Budget  archive.Budget // what may still be written to it; nil: no limit of ours
	Devices bool           // device nodes can be made here; otherwise allowed ones are left out
}

// Table is the order to partition a disk (Kadeploy3 create_partition_table).
type Table struct {
	Device string            // /dev/sda
	Kind   string            // fdisk: Script is typed into fdisk; parted: Script is an executable
	Script []byte            //
	Env    map[string]string // KADEPLOY_* variables
}

// Script is a program unpacked in a directory.
type Script struct {
	Dir  string            // where it was unpacked, as the deployment system names it; also its working directory
	Line string            // path below Dir and arguments, split on blanks
	Env  map[string]string // KADEPLOY_* variables
}
