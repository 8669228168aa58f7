package dirdisk

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/archive"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// Mount attaches a formatted partition to a directory of the deployment system.
func (d *Disk) Mount(_ context.Context, device, dir, filesystem string) error {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	p, err := d.find(device)
	switch {
	case err != nil:
		return fmt.Errorf("mount %w", err)
	case p.Raw:
		return fmt.Errorf("mount %s: it holds a raw image, which the sandbox cannot look into", device)
	case p.Filesystem == "":
		return fmt.Errorf("mount %s: it holds no file system, format it first", device)
	case p.Filesystem == swap:
		return fmt.Errorf("mount %s: it is a swap area", device)
	case filesystem != "" && filesystem != p.Filesystem:
		return fmt.Errorf("mount %s: it holds %s, not %s", device, p.Filesystem, filesystem)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if there, ok := d.mounts[dir]; ok && there != p.Number {
		return fmt.Errorf("mount %s: partition %d is mounted on %s already", device, there, dir)
	}
	d.mounts[dir] = p.Number
	return nil
}

// Umount detaches a directory.
func (d *Disk) Umount(_ context.Context, dir string) error {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return fmt.Errorf("umount: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mounts, dir)
	return nil
}

// detach unmounts a partition from everywhere; d.mu is held.
func (d *Disk) detach(number int) {
	for dir, n := range d.mounts {
		if n == number {
			delete(d.mounts, dir)
		}
	}
}

// Sync has nothing to wait for: the power of a sandbox machine is a process, and files outlive it as soon as they are
// written.
func (d *Disk) Sync(context.Context) error { return nil }

// Tree gives the real directory of a mounted one; that of / is in memory, where the deployment system itself runs.
func (d *Disk) Tree(dir string) (machine.Tree, error) {
	if dir == "/" {
		d.mu.Lock()
		defer d.mu.Unlock()
		return machine.Tree{Path: d.ram(), Budget: d.memory}, d.boot()
	}
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	d.mu.Lock()
	at, number, ok := d.mounted(dir)
	d.mu.Unlock()
	if !ok {
		return machine.Tree{}, fmt.Errorf("nothing is mounted on %s", dir)
	}
	real, err := rooted.Dir(d.content(number), strings.TrimPrefix(dir, at))
	if err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	t := machine.Tree{Path: real, Budget: d.budget}
	if d.capacity != nil {
		t.Room = d.capacity.limit
	}
	return t, nil
}

// mounted finds the innermost mount that holds dir; d.mu is held.
func (d *Disk) mounted(dir string) (at string, number int, ok bool) {
	for at = dir; at != "/"; at = path.Dir(at) {
		if number, ok = d.mounts[at]; ok {
			return at, number, true
		}
	}
	return "", 0, false
}

// Scratch gives a directory of ram/, which is emptied when it is first used in this boot, or makes one below a mount.
func (d *Disk) Scratch(dir string) (machine.Tree, error) {
	dir, err := machine.MountPoint(dir)
	if err != nil {
		return machine.Tree{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	root, name, budget := d.ram(), dir, archive.Budget(d.memory)
	if at, number, ok := d.mounted(dir); ok {
		root, name, budget = d.content(number), strings.TrimPrefix(dir, at), d.budget
	} else if err := d.boot(); err != nil {
		return machine.Tree{}, err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return machine.Tree{}, fmt.Errorf("sandbox disk: %w", err)
	}
	defer r.Close()
	if err := r.MkdirAll(path.Join(".", name), 0o755); err != nil {
		return machine.Tree{}, fmt.Errorf("sandbox disk: %w", err)
	}
	real, err := rooted.Dir(root, name)
	if err != nil {
		return machine.Tree{}, fmt.Errorf("%s: %w", dir, err)
	}
	return machine.Tree{Path: real, Budget: budget}, nil
}

// boot empties the memory of the boot before; d.mu is held.
func (d *Disk) boot() error {
	if d.booted {
		return nil
	}
	if err := removeAll(d.ram()); err != nil {
		return fmt.Errorf("sandbox disk: %w", err)
	}
	if err := os.Mkdir(d.ram(), 0o700); err != nil {
		return fmt.Errorf("sandbox disk: %w", err)
	}
	d.booted = true
	return nil
}
