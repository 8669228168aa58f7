// Package machine says what an agent may do to the machine it runs on. It holds the vocabulary only; a driver does the
// work: linux, for the disks of a real machine, or dirdisk, whose disk is a directory (the sandbox).
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
	// Device opens a partition or the whole disk for writing from its first byte. One that is too small for size bytes stays as it is;
	// 0: not known.
	Device(device string, size int64) (Device, error)
}

// Device is a raw image being written. Close without Commit leaves a device that holds nothing of use.
type Device interface {
	io.WriteCloser
	Verify()                          // before the first Write: Commit reads everything back and compares, until ctx ends
	Commit(ctx context.Context) error // the image is complete; the device is closed
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
	Device  string         // that it is on; "": none, or not known
	Room    int64          // bytes that files may take there when there are no others; 0: not known
	Devices bool           // device nodes can be made here; otherwise allowed ones are left out
}

// Table is the order to partition a disk (Kadeploy3 create_partition_table).
type Table struct {
	Device string            // /dev/sda
	Kind   string            // fdisk: Script is typed into fdisk; parted: Script is an executable; sfdisk: Script is read by sfdisk; layout: Script is what internal/disklayout encodes
	Script []byte            //
	Env    map[string]string // KADEPLOY_* variables
}

// Script is a program unpacked in a directory.
type Script struct {
	Dir  string            // where it was unpacked, as the deployment system names it; also its working directory
	Line string            // path below Dir and arguments, split on blanks
	Env  map[string]string // KADEPLOY_* variables
}

// Kexecer is a machine that can start another kernel without its firmware (Kadeploy3 kexec).
type Kexecer interface {
	// LoadKernel puts a kernel where the restart of the machine finds it. Afterwards nothing is mounted by this driver any more and
	// everything written is on the disk.
	LoadKernel(ctx context.Context, k Kernel) error
}

// Kernel is how a deployed system is started.
type Kernel struct {
	Root   string // the directory that the system is mounted on
	Device string // its partition; becomes root=RootDevice where Params have no root=; "": it needs none
	Kernel string // path in the system, links followed as the system itself would
	Initrd string // likewise; "": none
	Params string // kernel arguments
}

// Bootable is a machine whose disk can be made one that the firmware boots.
type Bootable interface {
	// InstallBootloader writes a boot loader that starts the system, for the firmware that this boot was started by. The text says where.
	InstallBootloader(ctx context.Context, k Kernel) (string, error)
}

// RootFinder is a machine whose disks have other names than the configuration gives them.
type RootFinder interface {
	// RootDevice is what a kernel calls the partition: for root=. A device that is written by its kernel name stays as it is; it is
	// PARTUUID=TEXT for links and hints, which a kernel understands without an initrd, whatever order it finds the disks in, and UUID=TEXT for
	// an array; a volume keeps its name.
	RootDevice(ctx context.Context, device string) (string, error)
}

// Guard is a machine that runs a system of its own, whose disks are not all there to be written.
type Guard interface {
	// CheckDevice says why a disk or a partition must not be written: the system that runs uses it.
	CheckDevice(ctx context.Context, device string) error
}

// Inventorier is a machine that says what it has.
type Inventorier interface {
	Inventory(ctx context.Context) ([]DiskInfo, error)
	// FindDisk is the kernel's name of the disk that a device means; an error that says which there are when there is none, or more than
	// one. A disk that appears late is waited for.
	FindDisk(ctx context.Context, device string) (string, error)
}

// DiskInfo describes a disk.
type DiskInfo struct {
	Device     string          `json:"device"` // /dev/sda
	Model      string          `json:"model,omitempty"`
	Serial     string          `json:"serial,omitempty"`
	WWID       string          `json:"wwid,omitempty"` // world-wide name as the kernel writes it: naa.5000c500a1b2c3d4
	Path       string          `json:"path,omitempty"` // as udev names it: pci-0000:00:1f.2-ata-1
	Size       int64           `json:"size"`           // bytes
	Content    Content         `json:"content,omitzero"`
	Partitions []PartitionInfo `json:"partitions,omitempty"` // in the order of their numbers
	InUse      string          `json:"in_use,omitempty"`     // why it cannot be partitioned; "": it can
}

// PartitionInfo describes a partition as the kernel knows it.
type PartitionInfo struct {
	Number  int     `json:"number"`
	Start   int64   `json:"start"` // bytes
	Size    int64   `json:"size"`  // bytes
	Content Content `json:"content,omitzero"`
	Mounted string  `json:"mounted,omitempty"` // directory; "": not mounted
}

// Content is what the first bytes of a device say.
type Content struct {
	Filesystem string `json:"filesystem,omitempty"`
	Label      string `json:"label,omitempty"`
	UUID       string `json:"uuid,omitempty"`
}
