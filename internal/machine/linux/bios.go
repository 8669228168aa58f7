package linux

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The places in GRUB's boot.img and in the first sector of its core image (grub/i386/pc/boot.h): where the next piece is, in sectors.
const (
	bootCode      = 440  // bytes of sector 0 that are not the table's
	kernelSector  = 0x5c // in boot.img: first sector of the core image
	blocklistAt   = 500  // in the core image: first sector of its rest
	biosGrub      = "21686148-6449-6E6F-744E-656564454649"
	maxLoaderFile = 16 << 20
)

// biosSector is the only size of sectors that BIOS boots from.
const biosSector = 512

// installBIOS writes boot.img and core.img beside the partitions: into the gap before the first one, or, with gpt, the bios_grub partition.
func installBIOS(disk block, t table) (string, error) {
	if t.sector != biosSector {
		return "", fmt.Errorf("%s has sectors of %d bytes, which no BIOS boots from; boot the system by the network or by UEFI", disk.path, t.sector)
	}
	boot, err := loader("boot.img")
	if err != nil {
		return "", err
	}
	core, err := loader("core.img")
	if err != nil {
		return "", err
	}
	if len(boot) < biosSector || len(core) < 2*biosSector {
		return "", fmt.Errorf("%s: boot.img or core.img is no image of GRUB", Loaders)
	}
	at, room, err := coreRoom(disk, t)
	if err != nil {
		return "", err
	}
	if int64(len(core)) > room {
		return "", fmt.Errorf("%s: GRUB's core image has %d bytes, there is room for %d; let the first partition begin at 1 MiB (sector 2048)", disk.path, len(core), room)
	}
	boot, core = slices.Clone(boot[:bootCode]), slices.Clone(core)
	binary.LittleEndian.PutUint64(boot[kernelSector:], uint64(at/biosSector))
	binary.LittleEndian.PutUint64(core[blocklistAt:], uint64(at/biosSector+1))
	f, err := os.OpenFile(disk.path, os.O_WRONLY, 0) // not exclusively: the system is mounted
	if err != nil {
		return "", err
	}
	defer f.Close()
	// The core image goes first: until boot.img names it, the old way to boot is whole.
	if _, err := f.WriteAt(core, at); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	if _, err := f.WriteAt(boot, 0); err != nil {
		return "", err
	}
	return fmt.Sprintf("GRUB for BIOS in sector 0 of %s and from sector %d on", disk.path, at/biosSector), f.Sync()
}

// coreRoom is where the core image goes and how long it may be, in bytes.
func coreRoom(disk block, t table) (at, room int64, err error) {
	switch t.label {
	case "dos":
		if len(t.partitions) == 0 {
			return 0, 0, fmt.Errorf("%s has no partition", disk.path)
		}
		first := slices.MinFunc(t.partitions, func(a, b entry) int { return cmp.Compare(a.start, b.start) })
		return biosSector, first.start - biosSector, nil
	case "gpt":
		for _, e := range t.partitions {
			if strings.EqualFold(e.kind, biosGrub) {
				return e.start, e.size, nil
			}
		}
		return 0, 0, fmt.Errorf("%s has a gpt table without a BIOS boot partition (type %s, 1 MiB is enough): there is no place for GRUB", disk.path, biosGrub)
	}
	return 0, 0, fmt.Errorf("%s has a %s table; want dos or gpt", disk.path, t.label)
}

// loader reads one of GRUB's images.
func loader(name string) ([]byte, error) {
	file := filepath.Join(Loaders, name)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("the deployment system has no %s: make it anew on a machine with GRUB's modules", file)
	case err != nil:
		return nil, err
	case info.Size() > maxLoaderFile:
		return nil, fmt.Errorf("%s has %d bytes: that is no loader", file, info.Size())
	}
	return os.ReadFile(file)
}
