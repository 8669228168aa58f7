package labimage

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// NFSServer returns the directory of nfs-ganesha, an NFS server that is one program, with the libraries that it needs; unpacked in the cache,
// for an installed one is started by Debian.
func NFSServer() (dir string, err error) {
	const server = "nfs-ganesha"
	out, err := exec.Command("apt-cache", "depends", "--important", server).Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache depends %s: %w", server, err)
	}
	packages := []string{server, server + "-vfs"}
	for line := range strings.Lines(string(out)) {
		if _, name, found := strings.Cut(strings.TrimSpace(line), "Depends: "); found && strings.HasPrefix(name, "lib") && name != "libc6" {
			packages = append(packages, name)
		}
	}
	return cached(server, packages, func(dir string) error { return unpack(dir, packages...) })
}

// NFSRootKernel returns the kernel in one file with an initrd that mounts nfsroot=SERVER:PATH, for machines with UEFI: what a kernel with
// CONFIG_ROOT_NFS does, which Debian has none of. The file is 16 MB.
func NFSRootKernel(k lab.Kernel) (path string, err error) {
	const stub = "systemd-boot-efi"
	ingredients, err := recipe(k)
	if err != nil {
		return "", err
	}
	boot, err := cached(stub, []string{stub}, func(dir string) error { return unpack(dir, stub) })
	if err != nil {
		return "", err
	}
	return cached("nfsroot.efi", ingredients, func(path string) error {
		initrd := path + ".initrd"
		if err := packInitrd(k, "nfsroot", initrd, "nfsroot.sh", "overlay", "nfsv4"); err != nil {
			return err
		}
		// The places in memory are those of the stub's manual.
		return run(filepath.Dir(path), "sh", "-c", `trap 'rm "$2"' EXIT
			objcopy --add-section .linux="$1" --change-section-vma .linux=0x2000000 --add-section .initrd="$2" --change-section-vma .initrd=0x4000000 "$3" "$4"`,
			"sh", k.Image, initrd, filepath.Join(boot, "usr/lib/systemd/boot/efi/linuxx64.efi.stub"), path)
	})
}
