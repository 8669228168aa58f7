package labimage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// release is the Debian that is built, and packages what it has beside the essential ones.
const (
	release  = "bookworm"
	packages = "systemd-sysv,udev,dbus,openssh-server,iproute2,linux-image-cloud-amd64,tiny-initramfs"
)

// dropped are parts of the kernel's modules and of the packages that no machine of the lab needs: half the size.
var dropped = []string{"usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt/lists", "var/cache/apt",
	"kernel/sound", "kernel/drivers/infiniband", "kernel/drivers/media", "kernel/drivers/gpu", "kernel/drivers/net/ethernet", "kernel/drivers/hv"}

// packing makes the archive of the tree; with /dev, as Debian's own tools pack it.
const packing = `set -e; tar --sort=name --numeric-owner --xattrs -c . | zstd -q -T0 -6 >"$1"`

// masked are units that only cost time here.
var masked = []string{"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
	"systemd-firstboot.service", "systemd-pstore.service"}

// Debian returns a minimal Debian as .tar.zst: systemd, OpenSSH and a kernel from Debian's packages, fetched from the mirror of this
// machine's apt. It writes the console line of Tiny with image=debian, and its sshd answers at port 22.
func Debian() (path string, err error) {
	ingredients := slices.Concat([]string{release, packages, packing}, dropped, masked)
	for _, name := range []string{"init.sh", "eth.network", "marker.service", "marker.sh"} {
		text, err := seeds.ReadFile("seed/" + name)
		if err != nil {
			return "", err
		}
		ingredients = append(ingredients, string(text))
	}
	return cached("debian.tar.zst", ingredients, writeDebian)
}

func writeDebian(path string) error {
	tree, err := os.MkdirTemp("", "lab-debian-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := run(".", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--include="+packages, release, tree); err != nil {
		return err
	}
	if err := dress(tree); err != nil {
		return err
	}
	return run(tree, "sh", "-c", packing, "sh", path)
}

// dress makes what the packages have installed a machine of the lab.
func dress(tree string) error {
	kernels, err := filepath.Glob(filepath.Join(tree, "boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return errors.Join(err, errors.New("Debian came without one kernel"))
	}
	version := strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-")
	k := lab.Kernel{Version: version, Image: kernels[0], Modules: filepath.Join(tree, "lib/modules", version)}
	if err := writeInitrd(k, "debian", filepath.Join(tree, "boot/initrd.img-"+version)); err != nil {
		return err
	}
	for _, d := range dropped {
		if strings.HasPrefix(d, "kernel/") {
			d = filepath.Join("usr/lib/modules", version, d)
		}
		if err := os.RemoveAll(filepath.Join(tree, d)); err != nil {
			return err
		}
	}
	for _, f := range []struct{ path, seed string }{
		{"etc/systemd/network/80-eth.network", "eth.network"}, {"etc/systemd/system/marker.service", "marker.service"}, {"usr/local/sbin/marker", "marker.sh"},
	} {
		if err := plant(f.seed, filepath.Join(tree, f.path)); err != nil {
			return err
		}
	}
	for path, text := range map[string]string{"etc/image": "debian\n", "etc/hostname": "lab\n", "etc/fstab": "", "etc/machine-id": ""} {
		if err := os.WriteFile(filepath.Join(tree, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return run(".", "chroot", tree, "sh", "-c", "depmod "+version+" && systemctl -q enable systemd-networkd marker.service ssh.service && systemctl -q mask "+strings.Join(masked, " ")+" && passwd -q -d root")
}
