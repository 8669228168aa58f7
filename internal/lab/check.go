package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// TFTPD is the TFTP server that is not ours; not every user's PATH has its directory.
const TFTPD = "/usr/sbin/in.tftpd"

// A need is a file or a program, and the Debian package that has it.
type need struct{ thing, pkg string }

var needs = []need{
	{"ip", "iproute2"},
	{"qemu-system-x86_64", "qemu-system-x86"},
	{"/usr/share/qemu/bios-microvm.bin", "seabios"},
	{"/usr/lib/ipxe/qemu/pxe-virtio.rom", "ipxe-qemu"},
	{"/usr/lib/ipxe/snponly.efi", "ipxe"},
	{ovmfCode, "ovmf"},
	{"ipmi_sim", "openipmi"},
	{"ipmitool", "ipmitool"},
	{"dnsmasq", "dnsmasq-base"},
	{"socat", "socat"},
	{"curl", "curl"},
	{"busybox", "busybox-static"},
	{"cpio", "cpio"},
	{"sfdisk", "fdisk"},
	{"mkfs.ext4", "e2fsprogs"},
	{"mkfs.vfat", "dosfstools"},
	{"zstd", "zstd"},
	{"kexec", "kexec-tools"},
	{"objcopy", "binutils"},
	{"mmdebstrap", "mmdebstrap"},
	{TFTPD, "tftpd-hpa"}, // what `lab bench` measures ours beside
	{"grub-mkimage", "grub-common"},
	{"/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin"},
	{"/usr/lib/grub/x86_64-efi/linux.mod", "grub-efi-amd64-bin"},
	{"/usr/lib/PXELINUX/pxelinux.0", "pxelinux"},
	{"/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"},
}

// kernelPackage has the kernel of the images.
const kernelPackage = "linux-image-cloud-amd64"

// Packages are the Debian packages a lab needs, sorted.
func Packages() (names []string) {
	for _, n := range needs {
		names = append(names, n.pkg)
	}
	names = append(names, kernelPackage)
	slices.Sort(names)
	return slices.Compact(names)
}

// Check says in one line why there can be no lab here: who calls is not root, or which packages are missing.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab makes network namespaces and taps: run this as root")
	}
	if err := netlab.Check(); err != nil {
		return err
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		return fmt.Errorf("%w: the lab plugs its machines in by it; a container needs this device", err)
	} else {
		f.Close()
	}
	_, noKernel := HostKernel()
	return met(needs, noKernel == nil)
}

// met names the packages of the needs that are not there, each once, and the kernel's.
func met(needs []need, kernel bool) error {
	var missing []string
	for _, n := range needs {
		if !n.present() {
			missing = append(missing, n.pkg)
		}
	}
	if !kernel {
		missing = append(missing, kernelPackage)
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		return fmt.Errorf("the lab needs more Debian packages: run `make lab-deps`, or apt-get install %s", strings.Join(missing, " "))
	}
	return nil
}

func (n need) present() bool {
	if strings.HasPrefix(n.thing, "/") {
		_, err := os.Stat(n.thing)
		return err == nil
	}
	_, err := exec.LookPath(n.thing)
	return err == nil
}
