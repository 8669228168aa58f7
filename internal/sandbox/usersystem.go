package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
)

// maxEntries bounds the search for a kernel in a file system.
const maxEntries = 1_000_000

// userSystem boots a kernel that came over the network on the root file system that its command line names.
func (m *machine) userSystem(k *kernel, cmdline string) system {
	return func(ctx context.Context, l *life) error {
		device := argument(cmdline, "root")
		if device == "" {
			return errors.New("kernel panic: no root= on the command line")
		}
		root, err := m.rootFS(device)
		if err != nil {
			return fmt.Errorf("kernel panic: unable to mount root %s: %w", device, err)
		}
		file, err := k.find(ctx, root)
		root.Close()
		if err != nil {
			return fmt.Errorf("kernel panic: root %s: %w", device, err)
		}
		return m.run(ctx, l, device, file)
	}
}

// localSystem boots a partition that holds a system with its own kernel, as its boot loader would: the one of that
// number, or the first there is when number is 0.
func (m *machine) localSystem(number int) system {
	return func(ctx context.Context, l *life) error {
		disk, err := m.openDisk()
		if err != nil {
			return fmt.Errorf("local boot: %w", err)
		}
		for _, device := range disk.Partitions() {
			if number > 0 && !isPartition(device, number) {
				continue
			}
			if file := m.ownKernel(device); file != "" {
				return m.run(ctx, l, device, file)
			}
		}
		return errors.New("local boot: no bootable partition: none holds a root file system with boot/vmlinuz*")
	}
}

// isPartition says whether a device, /dev/sda3 or /dev/nvme0n1p3, is the partition of that number.
func isPartition(device string, number int) bool {
	digits := device[len(strings.TrimRight(device, "0123456789")):]
	return digits == strconv.Itoa(number)
}

// ownKernel names the kernel in a partition's root file system, "" when there is none.
func (m *machine) ownKernel(device string) string {
	root, err := m.rootFS(device)
	if err != nil {
		return ""
	}
	defer root.Close()
	kernels, _ := fs.Glob(root.FS(), "boot/vmlinuz*")
	for _, kernel := range kernels {
		if info, err := root.Stat(kernel); err == nil && info.Mode().IsRegular() {
			return kernel
		}
	}
	return ""
}

// rootFS opens the file system of a device when it looks like the root of an operating system. The caller closes it.
func (m *machine) rootFS(device string) (*os.Root, error) {
	disk, err := m.openDisk()
	if err != nil {
		return nil, err
	}
	dir, ok := disk.PartitionDir(device)
	if !ok {
		return nil, errors.New("no such partition, or it holds no file system")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	for _, sign := range []string{"etc/os-release", "sbin/init"} {
		if _, err := root.Lstat(sign); err == nil {
			return root, nil
		}
	}
	root.Close()
	return nil, errors.New("no init found: neither etc/os-release nor sbin/init")
}

func (m *machine) openDisk() (*dirdisk.Disk, error) {
	return dirdisk.Open(dirdisk.Config{Root: m.disk, Capacity: m.capacity(), Rate: m.faults.rate})
}

// capacity is the size of the disk in bytes, 0 for no limit.
func (m *machine) capacity() int64 { return lesser(m.node.DiskSize, m.faults.capacity) }

// find names the file of the file system whose bytes are the kernel's.
func (k *kernel) find(ctx context.Context, root *os.Root) (string, error) {
	found, entries, want := "", 0, k.sum.Sum(nil)
	look := func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // unreadable, or there is no boot: it is not there
		}
		if entries++; entries > maxEntries {
			return errors.New("too many files to look for the kernel")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Size() == k.size && bytes.Equal(digest(root, name), want) {
			found = name
			return fs.SkipAll
		}
		return nil
	}
	for _, start := range []string{"boot", "."} { // nearly always in boot
		if err := fs.WalkDir(root.FS(), start, look); err != nil {
			return "", err
		}
		if found != "" {
			return found, nil
		}
	}
	return "", errors.New("the kernel from the network is none of its files")
}

// digest is the SHA-256 of a file, nil when it cannot be read.
func digest(root *os.Root, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil
	}
	return sum.Sum(nil)
}

// run is the running system: after one more boot delay its ssh port answers until the power is cut.
func (m *machine) run(ctx context.Context, l *life, device, kernelFile string) error {
	m.console.printf("kernel: %s of %s, root file system mounted", path.Join("/", kernelFile), device)
	if err := pause(ctx, m.delay()); err != nil {
		return err
	}
	sshd, err := m.openSSHD(ctx)
	if err != nil {
		return err
	}
	l.up.Store(true)
	ctx, off := context.WithCancel(ctx)
	var services sync.WaitGroup
	services.Go(func() { m.phoneHome(ctx, device) })
	defer services.Wait()
	defer off()
	return sshd.serve(ctx)
}
