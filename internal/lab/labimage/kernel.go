package labimage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// hardwareKernel is the package that depends on Debian's kernel for machines that are not virtual, of the newest version.
const hardwareKernel = "linux-image-amd64"

// HardwareKernel returns Debian's kernel with drivers for hardware (AHCI, e1000), unpacked in the cache: it is not installed, for a machine
// with two kernels might start with the wrong one. It comes from the mirror of this machine's apt.
func HardwareKernel() (lab.Kernel, error) {
	out, err := exec.Command("apt-cache", "depends", "--important", hardwareKernel).Output()
	if err != nil {
		return lab.Kernel{}, fmt.Errorf("apt-cache depends %s: %w", hardwareKernel, err)
	}
	_, name, found := strings.Cut(string(out), "Depends: linux-image-")
	version, _, _ := strings.Cut(name, "\n")
	if !found {
		return lab.Kernel{}, errors.New("apt knows no " + hardwareKernel + ": run apt-get update")
	}
	dir, err := cached("kernel", []string{version}, func(dir string) error { return unpackKernel(version, dir) })
	return lab.Kernel{Version: version, Image: filepath.Join(dir, "boot/vmlinuz-"+version), Modules: filepath.Join(dir, "lib/modules", version)}, err
}

func unpackKernel(version, dir string) error {
	if err := unpack(dir, "linux-image-"+version); err != nil {
		return err
	}
	return run(dir, "depmod", "-b", dir, version)
}

// unpack makes dir and puts there what is in packages, which are not installed.
func unpack(dir string, packages ...string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := run(dir, "apt-get", append([]string{"-q", "download"}, packages...)...); err != nil {
		return err
	}
	return run(dir, "sh", "-c", "set -e; for p in *.deb; do dpkg-deb -x $p .; done; rm *.deb")
}
