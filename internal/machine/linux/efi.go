package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// An EFI system partition by its type: that of gpt and that of dos (UEFI 5.2, 5.3).
const (
	espGPT = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	espDOS = "ef"
)

// removable is the loader that the firmware starts of a disk it knows nothing else about (UEFI 3.5.1.1).
const removable = "EFI/BOOT/BOOTX64.EFI"

// installEFI puts GRUB on the EFI system partition.
func (d *Driver) installEFI(ctx context.Context, disk block, t table) (string, error) {
	image, err := loader("BOOTX64.EFI")
	if err != nil {
		return "", err
	}
	esp, err := d.systemPartition(ctx, disk, t)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("/", ".kadeploy-esp-") // the root of the deployment system is memory
	if err != nil {
		return "", err
	}
	defer os.Remove(dir)
	if err := d.Mount(ctx, esp.path, dir, "vfat"); err != nil {
		return "", err
	}
	err = putLoader(dir, image)
	if err = errors.Join(err, d.Umount(context.WithoutCancel(ctx), dir)); err != nil {
		return "", err
	}
	return fmt.Sprintf("GRUB for UEFI as %s on %s", removable, esp.path), nil
}

// systemPartition finds the EFI system partition and formats it when it is new.
func (d *Driver) systemPartition(ctx context.Context, disk block, t table) (block, error) {
	for _, e := range t.partitions {
		if !strings.EqualFold(e.kind, espGPT) && !(t.label == "dos" && strings.EqualFold(e.kind, espDOS)) {
			continue
		}
		b, err := d.find(ctx, blockdev.Partition(disk.path, strconv.Itoa(e.number)))
		if err != nil {
			return block{}, err
		}
		holds, err := signatureOf(b)
		if err == nil && holds.kind != "vfat" {
			err = d.Format(ctx, b.path, "vfat", "-n ESP")
		}
		return b, err
	}
	return block{}, fmt.Errorf("%s has no EFI system partition (type uefi of sfdisk, %s), which this machine's firmware boots from", disk.path, espGPT)
}

func putLoader(dir string, image []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll("EFI/BOOT", 0o755); err != nil {
		return err
	}
	return rooted.Replace(root, removable, image, 0o644)
}
