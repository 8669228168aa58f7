package labimage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// writeInitrd writes the initrd: busybox, the modules, and an init that mounts root=. Without root= it is a system by itself,
// which says that its image is id.
func writeInitrd(k lab.Kernel, id, path string) error {
	return packInitrd(k, id, path, "init.sh")
}

// packInitrd writes an initrd with that init, and modules beside those of each initrd.
func packInitrd(k lab.Kernel, id, path, init string, further ...string) error {
	dir, err := os.MkdirTemp("", "lab-initrd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := busyboxTree(dir, id); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "modules"), 0o755); err != nil {
		return err
	}
	if err := modules(k, filepath.Join(dir, "modules"), further...); err != nil {
		return err
	}
	if err := plant(init, filepath.Join(dir, "init")); err != nil {
		return err
	}
	// The kernel reads gzip whatever it was built with. The names come from find, sorted, so that two runs differ in times only.
	pack := exec.Command("sh", "-c", `set -e; find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -n -6 >"$1"`, "sh", path)
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		return fmt.Errorf("pack the initrd: %w: %s", err, out)
	}
	return nil
}
