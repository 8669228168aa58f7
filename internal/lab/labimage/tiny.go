package labimage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// Initrd returns the tiny initrd, 2 MB; without root= on the kernel's command line it is a system by itself, image "initrd".
func Initrd(k lab.Kernel) (path string, err error) {
	ingredients, err := recipe(k)
	if err != nil {
		return "", err
	}
	return cached("initrd.cpio.gz", ingredients, func(path string) error { return writeInitrd(k, "initrd", path) })
}

// Tiny returns the tiny system as .tar.zst, 17 MB: /vmlinuz, /initrd.img, busybox. Up, it writes one line to the console,
//
//	LAB-SYSTEM image=ID root=/dev/vda1 addr=10.83.1.1 cmdline=[...]
//
// and sends the banner SSH-2.0-lab_ID to who connects to port 22.
func Tiny(k lab.Kernel, id string) (path string, err error) {
	return fromTree(k, id, "tiny.tar.zst", func(tree, path string) error {
		return run(tree, "sh", "-c", `set -e; tar --sort=name --owner=0 --group=0 --numeric-owner -c . | zstd -q -3 >"$1"`, "sh", path)
	})
}

// fromTree has write make one file of the tiny system, which stands in the directory tree.
func fromTree(k lab.Kernel, id, name string, write func(tree, path string) error) (string, error) {
	ingredients, err := recipe(k)
	if err != nil {
		return "", err
	}
	return cached(name, append(ingredients, id, name), func(path string) error {
		tree, err := os.MkdirTemp("", "lab-tiny-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tree)
		if err := tinyTree(k, id, tree); err != nil {
			return err
		}
		return write(tree, path)
	})
}

func tinyTree(k lab.Kernel, id, tree string) error {
	if err := os.Chmod(tree, 0o755); err != nil {
		return err
	}
	if err := busyboxTree(tree, id); err != nil {
		return err
	}
	boot := filepath.Join(tree, "boot")
	if err := os.Mkdir(boot, 0o755); err != nil {
		return err
	}
	kernel, initrd := "vmlinuz-"+k.Version, "initrd.img-"+k.Version
	if err := copyFile(k.Image, filepath.Join(boot, kernel), 0o644); err != nil {
		return err
	}
	if err := writeInitrd(k, id, filepath.Join(boot, initrd)); err != nil {
		return err
	}
	if err := os.Symlink("boot/"+kernel, filepath.Join(tree, "vmlinuz")); err != nil {
		return err
	}
	return os.Symlink("boot/"+initrd, filepath.Join(tree, "initrd.img"))
}

// run runs a program in dir; its error is one line.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
