package loaders

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/kadeploy/kadeploy/internal/process"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// grub is a program of GRUB with its menu inside.
type grub struct {
	format  string // of grub-mkimage: x86_64-efi
	menu    string
	modules []string // beside those that all have
}

// everywhere are the modules of all: disks, the network, and what menus say.
var everywhere = []string{
	"memdisk", "tar", "normal", "configfile", "test", "echo", "sleep", "reboot", "boot", "linux", "chain", "search", "search_fs_file",
	"part_msdos", "part_gpt", "fat", "ext2", "xfs", "btrfs", "net", "tftp",
}

// make returns the program. The menu lies in a disk in memory: one that is handed to grub-mkimage as such is read by a parser that knows
// no `if`.
func (g *grub) make(ctx context.Context, system string) ([]byte, error) {
	tool, err := exec.LookPath("grub-mkimage")
	if err != nil {
		return nil, fmt.Errorf("grub-mkimage is not installed: install the Debian package grub-common")
	}
	dir, err := os.MkdirTemp("", "kadeploy-grub-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	disk, out := filepath.Join(dir, "menu.tar"), filepath.Join(dir, "out")
	if err := writeMenu(disk, g.menu); err != nil {
		return nil, err
	}
	args := []string{"--format", g.format, "--directory", g.modulesBelow(system), "--memdisk", disk, "--prefix", "(memdisk)/boot/grub", "--output", out}
	var last process.Tail
	cmd := exec.CommandContext(ctx, tool, slices.Concat(args, everywhere, g.modules)...)
	cmd.Stdout, cmd.Stderr = &last, &last
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("grub-mkimage: %w: %s", err, wording.Clean(last.LastLine()))
	}
	return os.ReadFile(out)
}

// modulesBelow is where Debian has the modules; those of i386-pc-pxe are of i386-pc.
func (g *grub) modulesBelow(system string) string {
	platform := g.format
	if platform == "i386-pc-pxe" {
		platform = "i386-pc"
	}
	return filepath.Join(system, "usr/lib/grub", platform)
}

func writeMenu(path, menu string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	err = w.WriteHeader(&tar.Header{Name: "boot/grub/grub.cfg", Mode: 0o644, Size: int64(len(menu)), Format: tar.FormatUSTAR})
	if err == nil {
		_, err = w.Write([]byte(menu))
	}
	if err == nil {
		err = w.Close()
	}
	return err
}
