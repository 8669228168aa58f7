package pxe

import (
	"fmt"
	"net/url"
	"strings"
)

// Language is what a boot loader reads (pxe_kind).
type Language string

// The languages a profile can be written in.
const (
	PXELINUX Language = "pxelinux"
	IPXE     Language = "ipxe"
	GRUB     Language = "grub"
)

// Firmware is how a machine starts programs.
type Firmware string

// The kinds of firmware of PC machines.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
)

// Loader is what a node's firmware starts to read its profile. The zero value is PXELINUX under a BIOS.
type Loader struct {
	Language Language
	Firmware Firmware
	URL      string // iPXE: where the TFTP root is over HTTP: http://10.77.0.1:25302, no slash at its end
}

// Render writes the profile in the loader's language, or says which value cannot be said in it.
func (l Loader) Render(p Profile) (string, error) {
	if l.Firmware == UEFI && p.Kind == Chainload && p.Partition > 0 {
		return "", fmt.Errorf("boot profile: UEFI starts programs, not the boot sector of partition %d", p.Partition)
	}
	switch l.Language {
	case PXELINUX, "":
		if l.Firmware == UEFI {
			return "", fmt.Errorf("boot profile: PXELINUX is for a BIOS: set pxe_kind = ipxe or grub for UEFI")
		}
		return p.Render()
	case IPXE:
		return l.ipxe(p)
	case GRUB:
		return l.grub(p)
	}
	return "", fmt.Errorf("boot profile: unknown loader %q (known: pxelinux, ipxe, grub)", l.Language)
}

// address is the URL of a file below the TFTP root.
func (l Loader) address(name string) string {
	return l.URL + (&url.URL{Path: "/" + strings.TrimLeft(name, "/")}).EscapedPath()
}

// onFirstDisk says whether the profile starts the boot sector of the first disk, or leaves to the firmware's usual device, which is that.
func (p Profile) onFirstDisk() bool {
	return p.Kind == LocalBoot && (p.Drive == 0 || p.Drive == 0x80) || p.Kind == Chainload && p.Disk == 0 && p.Partition == 0
}
