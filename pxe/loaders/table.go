package loaders

import "github.com/kadeploy/kadeploy/pxe"

// loader is one file below the TFTP root.
type loader struct {
	name     string
	language pxe.Language // whose machines need it
	firmware pxe.Firmware
	pkg      string   // of Debian, that has it or GRUB's modules
	sources  []string // where it may be; the first that is there counts
	grub     *grub    // how to make it instead
}

// table is every file that a loader consists of. The modules of PXELINUX must be of the same version as itself.
var table = []loader{
	{name: PXELINUX, language: pxe.PXELINUX, firmware: pxe.BIOS, pkg: "pxelinux", sources: []string{"usr/lib/PXELINUX/pxelinux.0"}},
	syslinux("ldlinux.c32"), syslinux("libcom32.c32"), syslinux("libutil.c32"), syslinux("chain.c32"), syslinux("mboot.c32"),
	{name: IPXEBIOS, language: pxe.IPXE, firmware: pxe.BIOS, pkg: "ipxe", sources: []string{"usr/lib/ipxe/undionly.kpxe"}},
	{name: IPXEUEFI, language: pxe.IPXE, firmware: pxe.UEFI, pkg: "ipxe", sources: []string{"usr/lib/ipxe/snponly.efi", "usr/lib/ipxe/ipxe.efi"}},
	{name: GRUBBIOS, language: pxe.GRUB, firmware: pxe.BIOS, pkg: "grub-pc-bin",
		grub: &grub{format: "i386-pc-pxe", menu: pxe.GRUBStart, modules: []string{"pxe", "biosdisk", "multiboot2"}}},
	{name: GRUBUEFI, language: pxe.GRUB, firmware: pxe.UEFI, pkg: "grub-efi-amd64-bin",
		grub: &grub{format: "x86_64-efi", menu: pxe.GRUBStart, modules: []string{"efinet", "multiboot2"}}},
	{name: pxe.LocalProgram, language: pxe.IPXE, firmware: pxe.UEFI, pkg: "grub-efi-amd64-bin",
		grub: &grub{format: "x86_64-efi", menu: pxe.GRUBLocalStart()}},
}

func syslinux(name string) loader {
	return loader{name: name, language: pxe.PXELINUX, firmware: pxe.BIOS, pkg: "syslinux-common", sources: []string{"usr/lib/syslinux/modules/bios/" + name}}
}

// Files are the names of all of them, whether they are there or not.
func Files() []string {
	names := make([]string, len(table))
	for i, l := range table {
		names[i] = l.name
	}
	return names
}
