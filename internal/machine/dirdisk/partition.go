package dirdisk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
	"github.com/kadeploy/kadeploy/internal/machine/sfdisk"
)

// Partition replaces the table. Of kind fdisk, the script is what would be typed into fdisk, or a list of `part` lines; of kind sfdisk, what sfdisk reads.
// Of kind parted, the script is run, and declares the partitions by printing `part NUMBER SIZE TYPE` lines: there is no
// disk that parted could change. A partition that keeps its number and size keeps its files, as one that starts and ends
// at the same places of a real disk; all others are empty afterwards. Of kind layout, the script is what internal/disklayout encodes; there is no RAID and no
// LVM here.
func (d *Disk) Partition(ctx context.Context, t machine.Table) (string, error) {
	if !path.IsAbs(t.Device) || path.Base(t.Device) == "/" {
		return "", fmt.Errorf("partition %q: want the path of a device", t.Device)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before, err := d.load()
	if err != nil {
		return "", err
	}
	parts, output, err := d.parse(ctx, t, before)
	if err != nil {
		return output, fmt.Errorf("partition %s: %w", t.Device, err)
	}
	clear(d.mounts)
	after := &table{Device: t.Device, Partitions: parts}
	for i := range parts {
		p := &after.Partitions[i]
		p.Filesystem, p.Raw = "", false
		if old := before.same(p); old != nil && before.Device == t.Device {
			p.Filesystem, p.Raw = old.Filesystem, old.Raw
		}
	}
	// The table goes first: files of a partition that it does not name are never seen again, whatever happens now.
	if err := d.store(after); err != nil {
		return output, err
	}
	return output, d.sweep(after)
}

func (d *Disk) parse(ctx context.Context, t machine.Table, before *table) ([]Partition, string, error) {
	switch t.Kind {
	case "fdisk":
		if isList(string(t.Script)) {
			parts, err := parseList(string(t.Script))
			return parts, "", err
		}
		var there []Partition
		if before.Device == t.Device {
			there = before.Partitions
		}
		parts, err := parseTyped(string(t.Script), there)
		return parts, "", err
	case "sfdisk":
		parts, err := ofSfdisk(t)
		return parts, "", err
	case disklayout.Kind:
		parts, err := d.plain(t)
		return parts, "", err
	case "parted":
		return d.runDeclaring(ctx, t)
	}
	return nil, "", fmt.Errorf("kind %q: want fdisk, parted, sfdisk or layout", t.Kind)
}

// sector is the unit of sizes without one.
const sector = 512

func ofSfdisk(t machine.Table) ([]Partition, error) {
	entries, err := sfdisk.Parse(string(t.Script), t.Device, sector)
	if err != nil {
		return nil, err
	}
	parts := make([]Partition, len(entries))
	for i, e := range entries {
		parts[i] = Partition{Number: e.Number, Size: e.Size, Type: e.Type}
	}
	return collect(parts)
}

// runDeclaring runs the script and collects what it declares.
func (d *Disk) runDeclaring(ctx context.Context, t machine.Table) ([]Partition, string, error) {
	if err := d.boot(); err != nil {
		return nil, "", err
	}
	file := filepath.Join(d.ram(), ".partition")
	if err := os.WriteFile(file, t.Script, 0o700); err != nil {
		return nil, "", err
	}
	defer os.Remove(file)
	var parts []Partition
	var wrong error
	output, err := script.Run(ctx, script.Config{
		Name: "partition script", File: file, Dir: d.ram(), Env: t.Env, Writable: []string{d.root},
		Stdout: func(line string) {
			p, ok, err := declared(line)
			switch {
			case err != nil:
				wrong = errors.Join(wrong, err)
			case ok && len(parts) <= maxNumber:
				parts = append(parts, p)
			}
		},
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return nil, output, err
	}
	parts, err = collect(parts)
	return parts, output, err
}

// same finds the partition that is where p is.
func (t *table) same(p *Partition) *Partition {
	i := slices.IndexFunc(t.Partitions, func(old Partition) bool { return old.Number == p.Number && old.Size == p.Size })
	if i < 0 {
		return nil
	}
	return &t.Partitions[i]
}

// sweep removes the files of partitions that hold none.
func (d *Disk) sweep(t *table) error {
	keep := make(map[string]bool)
	for _, p := range t.Partitions {
		if p.mountable() {
			keep[d.content(p.Number)] = true
		}
		if p.Raw {
			keep[d.image(p.Number)] = true
		}
	}
	for _, kind := range []string{"part", "raw"} {
		entries, err := os.ReadDir(filepath.Join(d.root, kind))
		if err != nil && !missing(err) {
			return fmt.Errorf("sandbox disk: %w", err)
		}
		for _, e := range entries {
			if file := filepath.Join(d.root, kind, e.Name()); !keep[file] {
				if err := removeAll(file); err != nil {
					return fmt.Errorf("sandbox disk: %w", err)
				}
			}
		}
	}
	d.capacity.forget()
	return nil
}
