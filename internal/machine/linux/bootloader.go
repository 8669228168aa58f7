package linux

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

const (
	// Loaders is where the deployment system has GRUB's images: boot.img and core.img for BIOS, BOOTX64.EFI for UEFI. They look for the
	// file of any disk that is named bootConfig, and follow it.
	Loaders    = layout.Grub
	bootConfig = "/boot/grub/kadeploy.cfg"
)

// InstallBootloader makes the disk of a deployed system one that the firmware boots: bootConfig in the system, GRUB before its partitions (BIOS)
// or in the EFI system partition, which is formatted when it holds nothing yet. Which firmware it is, the one that booted this kernel says.
func (d *Driver) InstallBootloader(ctx context.Context, k machine.Kernel) (string, error) {
	where, err := d.installBootloader(ctx, k)
	if err != nil {
		return "", fmt.Errorf("boot loader: %w", err)
	}
	return where, nil
}

func (d *Driver) installBootloader(ctx context.Context, k machine.Kernel) (string, error) {
	part, err := d.find(ctx, k.Device)
	if err != nil {
		return "", err
	}
	if part.number == 0 || strings.HasPrefix(part.parent, "md") { // an array may have partitions of its own
		return "", fmt.Errorf("GRUB of the deployment system reads partitions, not %s: boot the kernel by the network (bootloader = pure_pxe), or let bootloader_script install the image's own", k.Device)
	}
	disk, err := d.sys.block(part.parent)
	if err != nil {
		return "", err
	}
	if err := d.retireRivals(ctx, part); err != nil {
		return "", err
	}
	if err := d.writeBootConfig(ctx, k); err != nil {
		return "", err
	}
	t, err := d.table(ctx, disk)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(d.sys.dir, "firmware/efi")); err == nil {
		return d.installEFI(ctx, disk, t)
	}
	return installBIOS(disk, t)
}

// writeBootConfig tells GRUB what to start. It is replaced at once.
func (d *Driver) writeBootConfig(ctx context.Context, k machine.Kernel) error {
	root, params, err := d.deployed(ctx, k)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := bootMenu(root, k, params)
	if err != nil {
		return err
	}
	dir := "."
	for _, part := range strings.Split(strings.Trim(path.Dir(bootConfig), "/"), "/") {
		if dir, err = rooted.Resolve(root, "/"+path.Join(dir, part)); err != nil {
			return err
		}
		if err := root.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return rooted.Replace(root, path.Join(dir, path.Base(bootConfig)), []byte(text), 0o644)
}

// bootMenu is a configuration of GRUB (its manual, section 16.3). A kernel that cannot be read ends in a reboot, not in a prompt that nobody sees.
func bootMenu(root *os.Root, k machine.Kernel, params string) (string, error) {
	kernel, err := inGrub(root, k.Kernel)
	if err != nil {
		return "", err
	}
	start := "linux " + kernel
	for _, word := range strings.Fields(params) {
		start += " " + quoted(word)
	}
	if k.Initrd == "" {
		return fmt.Sprintf("# Written by kadeploy at each deployment.\nif %s; then\n  boot\nfi\nreboot\n", start), nil
	}
	initrd, err := inGrub(root, k.Initrd)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("# Written by kadeploy at each deployment.\nif %s; then\n  if initrd %s; then\n    boot\n  fi\nfi\nreboot\n", start, initrd), nil
}

// inGrub is a file of the system as GRUB shall read it: without links, which not all its file systems follow.
func inGrub(root *os.Root, name string) (string, error) {
	f, err := open(root, name)
	if err != nil {
		return "", err
	}
	f.Close()
	at, err := rooted.Resolve(root, name)
	return quoted("/" + at), err
}

// quoted keeps GRUB from reading anything into a word.
func quoted(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%"
