package initramfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
	"github.com/kadeploy/kadeploy/internal/process"
)

// grubConfig is in all images: the rescue parser of GRUB reads it, which knows no conditions.
const grubConfig = `search --no-floppy --file --set=root /boot/grub/kadeploy.cfg
configfile ($root)/boot/grub/kadeploy.cfg
`

var grubModules = []string{
	"part_msdos", "part_gpt", "ext2", "xfs", "btrfs", "fat", "search", "search_fs_file", "search_fs_uuid",
	"configfile", "linux", "normal", "echo", "reboot", "boot", "test",
}

// addGRUB puts the boot loaders of both firmwares into the tree and says what cannot be had here.
func (s *system) addGRUB(ctx context.Context, t *Tree) (left []string, err error) {
	mkimage, err := s.lookup("grub-mkimage")
	if err != nil {
		return []string{"GRUB: grub-mkimage is not there (package grub-common): nodes cannot be given a boot loader on their disk"}, nil
	}
	for _, g := range []struct{ format, pkg, image, prefix, extra string }{
		{"i386-pc", "grub-pc-bin", "core.img", "(hd0)/boot/grub", "biosdisk"},
		{"x86_64-efi", "grub-efi-amd64-bin", "BOOTX64.EFI", "/boot/grub", "chain"},
	} {
		dir := s.at("/usr/lib/grub/" + g.format)
		if _, err := os.Stat(filepath.Join(dir, "normal.mod")); err != nil {
			left = append(left, fmt.Sprintf("GRUB for %s: its modules are not there (package %s)", g.format, g.pkg))
			continue
		}
		image, err := makeImage(ctx, s.at(mkimage), dir, g.format, g.prefix, append(slices.Clone(grubModules), g.extra))
		if err != nil {
			return nil, fmt.Errorf("GRUB for %s: %w", g.format, err)
		}
		t.File(layout.Grub+"/"+g.image, 0o644, image)
		if boot, err := os.ReadFile(filepath.Join(dir, "boot.img")); err == nil {
			t.File(layout.Grub+"/boot.img", 0o644, boot)
		}
	}
	return left, nil
}

func makeImage(ctx context.Context, mkimage, modules, format, prefix string, names []string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "kadeploy-grub-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	config, image := filepath.Join(dir, "early.cfg"), filepath.Join(dir, "image")
	if err := os.WriteFile(config, []byte(grubConfig), 0o600); err != nil {
		return nil, err
	}
	var words process.Tail
	args := append([]string{"-O", format, "-d", modules, "-p", prefix, "-c", config, "-o", image}, names...)
	cmd := exec.CommandContext(ctx, mkimage, args...)
	cmd.Stderr = &words
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=0") // the image for UEFI has the time in it otherwise
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(mkimage), err, strings.TrimSpace(words.LastLine()))
	}
	return os.ReadFile(image)
}
