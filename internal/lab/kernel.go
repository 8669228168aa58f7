package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Kernel is an installed Linux kernel.
type Kernel struct {
	Version string // 6.1.0-56-cloud-amd64
	Image   string // path of the vmlinuz
	Modules string // path of the directory of its modules
}

// HostKernel finds the newest cloud kernel that is installed with its modules.
func HostKernel() (Kernel, error) {
	images, err := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if err != nil {
		return Kernel{}, err
	}
	for i := len(images) - 1; i >= 0; i-- {
		version := strings.TrimPrefix(filepath.Base(images[i]), "vmlinuz-")
		k := Kernel{Version: version, Image: images[i], Modules: filepath.Join("/lib/modules", version)}
		if _, err := os.Stat(filepath.Join(k.Modules, "modules.dep")); err == nil {
			return k, nil
		}
	}
	return Kernel{}, errors.New("no cloud kernel with modules in /boot: install the Debian package " + kernelPackage)
}
