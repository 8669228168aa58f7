// Package loaders knows the boot loaders that machines fetch before their profiles, and puts them below the TFTP root: PXELINUX and iPXE
// as Debian packages them, GRUB as its own grub-mkimage makes it.
package loaders

// The programs that DHCP names.
const (
	PXELINUX = "pxelinux.0"
	IPXEBIOS = "undionly.kpxe"
	IPXEUEFI = "snponly.efi"
	GRUBBIOS = "grub.pxe"
	GRUBUEFI = "grubx64.efi"
)
