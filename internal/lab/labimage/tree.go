package labimage

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/lab"
)

//go:embed seed
var seeds embed.FS

// applets are the programs of busybox that the scripts call.
var applets = []string{"cat", "findfs", "insmod", "ip", "mount", "nc", "printf", "reboot", "sed", "seq", "sh", "sleep", "switch_root", "tail",
	"udhcpc", "umount", "usleep", "ls", "poweroff", "sync", "dmesg", "rm", "wget", "mkdir"}

// wanted are the modules of a machine's disks and network card that the cloud kernel has not built in; with their dependencies.
var wanted = []string{"virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "sd_mod"}

// hardware are modules of machines that are not virtual, and what a kernel for them has not built in; taken where a kernel has them.
var hardware = []string{"crc32c_generic", "ext4", "ahci", "e1000"}

// busyboxTree writes what the initrd and the tiny system have in common to dir. id is what the system says it is.
func busyboxTree(dir, id string) error {
	for _, d := range []string{"bin", "sbin", "etc", "proc", "sys", "dev", "newroot", "tmp", "root", "run", "mnt"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := copyFile(busybox, filepath.Join(dir, "bin/busybox"), 0o755); err != nil {
		return err
	}
	for _, a := range applets {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", a)); err != nil {
			return err
		}
	}
	for _, f := range []struct{ path, seed string }{{"sbin/init", "system.sh"}, {"etc/lease.sh", "lease.sh"}, {"bin/banner", "banner.sh"}} {
		if err := plant(f.seed, filepath.Join(dir, f.path)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "etc/image"), []byte(id+"\n"), 0o644)
}

func plant(seed, path string) error {
	text, err := seeds.ReadFile("seed/" + seed)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o755)
}

func copyFile(from, to string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, mode)
}

// modules copies the wanted modules and further ones to dir and writes their order, in which each finds what it needs loaded.
func modules(k lab.Kernel, dir string, further ...string) error {
	table, err := os.ReadFile(filepath.Join(k.Modules, "modules.dep"))
	if err != nil {
		return err
	}
	needs := make(map[string][]string) // file -> files; the farthest dependency stands last
	byName := make(map[string]string)
	for line := range strings.Lines(string(table)) {
		file, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
		needs[file] = strings.Fields(deps)
		byName[strings.TrimSuffix(filepath.Base(file), ".ko")] = file
	}
	var order []string
	for _, name := range slices.Concat(wanted, hardware, further) {
		file, ok := byName[name]
		if !ok && slices.Contains(hardware, name) {
			continue
		}
		if !ok {
			return fmt.Errorf("kernel %s has no module %s", k.Version, name)
		}
		deps := slices.Clone(needs[file])
		slices.Reverse(deps)
		for _, f := range append(deps, file) {
			if slices.Contains(order, f) {
				continue
			}
			order = append(order, f)
		}
	}
	var names strings.Builder
	for _, f := range order {
		fmt.Fprintln(&names, filepath.Base(f))
		err = errors.Join(err, copyFile(filepath.Join(k.Modules, f), filepath.Join(dir, filepath.Base(f)), 0o644))
	}
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "order"), []byte(names.String()), 0o644))
}
