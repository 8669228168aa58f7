package labimage

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/lab"
)

const (
	partitionMiB = 64 // size of the tiny system's file system
	gapMiB       = 1  // before it on a whole disk: MBR and GRUB's core image
)

// Partition returns an image of a partition with the tiny system, ext4, compressed by zstd (dd).
func Partition(k lab.Kernel, id string) (path string, err error) {
	return fromTree(k, id, "partition.dd.zst", func(tree, path string) error {
		image := path + ".raw"
		defer os.Remove(image)
		if err := makeFS(tree, image); err != nil {
			return err
		}
		return run(".", "zstd", "-q", "-f", image, "-o", path)
	})
}

// WholeDisk returns an image of a disk for BIOS machines, compressed by zstd (dd): MBR, GRUB and one partition with the tiny system,
// which GRUB boots with root=/dev/vda1 and the word loader=grub.
func WholeDisk(k lab.Kernel, id string) (path string, err error) {
	return fromTree(k, id, "disk.dd.zst", func(tree, path string) error {
		image, fs := path+".raw", path+".fs"
		defer os.Remove(image)
		defer os.Remove(fs)
		if err := os.MkdirAll(filepath.Join(tree, "boot/grub"), 0o755); err != nil {
			return err
		}
		if err := plant("grub.cfg", filepath.Join(tree, "boot/grub/grub.cfg")); err != nil {
			return err
		}
		if err := makeFS(tree, fs); err != nil {
			return err
		}
		script := fmt.Sprintf(`set -e
truncate -s %[2]dM "$1"
echo '%[1]dM,,83,*' | sfdisk -q --label dos "$1"
dd status=none if="$2" of="$1" bs=1M seek=%[1]d conv=notrunc
grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o "$2.core" biosdisk part_msdos ext2 linux normal configfile serial terminal boot
dd status=none if=/usr/lib/grub/i386-pc/boot.img of="$1" bs=440 count=1 conv=notrunc
dd status=none if="$2.core" of="$1" bs=512 seek=1 conv=notrunc
rm "$2.core"
`, gapMiB, gapMiB+partitionMiB)
		if err := run(".", "sh", "-c", script, "sh", image, fs); err != nil {
			return err
		}
		return run(".", "zstd", "-q", "-f", image, "-o", path)
	})
}

func makeFS(tree, image string) error {
	return run(".", "mkfs.ext4", "-q", "-d", tree, image, fmt.Sprintf("%dM", partitionMiB))
}
