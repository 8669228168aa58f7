//go:build qemu

package linux_test

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// The specs of real disks run in a machine of their own: this very test program is the first process of a QEMU machine with a virtio and an
// NVMe disk, which its kernel reads from no firmware. Needs Debian's kernel and tools; `make test-qemu` says how it is called.

// tools are the programs that the driver calls, and the witnesses of the specs.
var tools = []string{"sfdisk", "fdisk", "parted", "wipefs", "blkid", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mkfs.vfat", "mkswap", "swapon", "swapoff",
	"mdadm", "kexec"}

// modules are what Debian's cloud kernel does not have built in.
var modules = []string{"virtio_pci", "virtio_blk", "xfs", "btrfs", "vfat", "nls_cp437", "nls_ascii", "md-mod", "raid1"}

func TestRealDisks(t *testing.T) {
	release, kernel := kernelOf(t)
	dir := t.TempDir()
	small := initramfs(t, filepath.Join(dir, "small"), nil)
	initrd := initramfs(t, filepath.Join(dir, "initramfs"), func(root string) {
		for _, name := range tools {
			install(t, root, name)
		}
		install(t, root, "busybox")
		check(t, os.Symlink("busybox", filepath.Join(root, "bin/sh")))
		load(t, root, release)
		copyFile(t, kernel, filepath.Join(root, "system/vmlinuz"))
		copyFile(t, small, filepath.Join(root, "system/initrd"))
		loaders(t, root)
	})
	t.Run("BIOS", func(t *testing.T) {
		m := newBox(t, "-machine", "pc,graphics=off")
		m.boots(t, kernel, initrd, "real.disk")
	})
	t.Run("UEFI", func(t *testing.T) {
		const code, vars = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
		if !exists(code) {
			t.Skip("needs " + code + " of the package ovmf")
		}
		own := filepath.Join(t.TempDir(), "vars.fd")
		copyFile(t, vars, own)
		m := newBox(t, "-machine", "q35,graphics=off",
			"-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+code, "-drive", "if=pflash,format=raw,unit=1,file="+own)
		m.boots(t, kernel, initrd, "firmware.is.UEFI")
	})
}

// box is a machine that can be booted several times.
type box struct {
	args []string
	dir  string
}

func newBox(t *testing.T, args ...string) box {
	b := box{args, t.TempDir()}
	for _, disk := range []string{"virtio", "nvme"} {
		f, err := os.Create(filepath.Join(b.dir, disk))
		check(t, err)
		check(t, f.Truncate(2<<30))
		check(t, f.Close())
	}
	return b
}

// boots runs specs in the machine, which then deploys a system, starts it by kexec, and has it started from its disk.
func (b box) boots(t *testing.T, kernel, initrd, focus string) {
	out := b.run(t, "-kernel", kernel, "-initrd", initrd, "-append",
		"console=ttyS0 quiet panic=-1 -- -test.v -test.run=TestSpecs -ginkgo.no-color -ginkgo.v -ginkgo.focus="+focus+" -test.timeout=8m")
	if !strings.Contains(out, "MACHINE: specs ended with 0") {
		t.Fatal("the specs in the machine failed")
	}
	if !strings.Contains(out, "kadeploy.second=kexec") || !strings.Contains(out, "MACHINE: second system, root=/dev/vda1") {
		t.Error("the system that was loaded by kexec did not come up")
	}
	if out := b.run(t); !strings.Contains(out, "MACHINE: second system, BOOT_IMAGE=/boot/vmlinuz-1 root=/dev/vda1 kadeploy.second=grub") {
		t.Error("the machine did not boot from its disk")
	}
}

// kernelOf finds a kernel with its modules.
func kernelOf(t *testing.T) (release, file string) {
	files, _ := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if len(files) == 0 || os.Geteuid() != 0 {
		t.Skip("needs root and the kernel of Debian's linux-image-cloud-amd64 in /boot")
	}
	for _, name := range []string{"qemu-system-x86_64", "cpio", "ldd", "busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("needs " + name)
		}
	}
	return strings.TrimPrefix(files[0], "/boot/vmlinuz-"), files[0]
}

// initramfs makes one with this program as /init.
func initramfs(t *testing.T, root string, fill func(root string)) string {
	for _, dir := range []string{"bin", "dev", "proc", "sys", "tmp", "modules", "system"} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	self, err := os.Executable()
	check(t, err)
	copyFile(t, self, filepath.Join(root, "init"))
	libraries(t, root, self)
	if fill != nil {
		fill(root)
	}
	out, err := os.Create(root + ".cpio")
	check(t, err)
	defer out.Close()
	list := exec.Command("find", ".", "-print0")
	list.Dir = root
	names, err := list.Output()
	check(t, err)
	pack := exec.Command("cpio", "--null", "--create", "--format=newc", "--quiet")
	pack.Dir, pack.Stdin, pack.Stdout, pack.Stderr = root, bytes.NewReader(names), out, os.Stderr
	check(t, pack.Run())
	return out.Name()
}

// install brings a program and its libraries to the same places.
func install(t *testing.T, root, name string) {
	for _, dir := range filepath.SplitList(script.Path) {
		if file := filepath.Join(dir, name); exists(file) {
			at := file
			if name == "busybox" {
				at = "/bin/busybox"
			}
			copyFile(t, file, filepath.Join(root, at))
			libraries(t, root, file)
			return
		}
	}
	t.Skip("needs " + name)
}

var library = regexp.MustCompile(`(/\S+) \(0x`)

func libraries(t *testing.T, root, file string) {
	f, err := elf.Open(file)
	check(t, err)
	defer f.Close()
	if names, _ := f.ImportedLibraries(); len(names) == 0 {
		return
	}
	out, err := exec.Command("ldd", file).Output()
	check(t, err)
	for _, m := range library.FindAllStringSubmatch(string(out), -1) {
		if to := filepath.Join(root, m[1]); !exists(to) {
			copyFile(t, m[1], to)
		}
	}
}

// load brings the modules, numbered in the order they must be loaded in.
func load(t *testing.T, root, release string) {
	base := filepath.Join("/lib/modules", release)
	text, err := os.ReadFile(filepath.Join(base, "modules.dep"))
	check(t, err)
	needs := make(map[string][]string)
	byName := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		file, deps, _ := strings.Cut(line, ":")
		needs[file] = strings.Fields(deps)
		byName[strings.TrimSuffix(filepath.Base(file), ".ko")] = file
	}
	done := make(map[string]bool)
	order := 0
	next := func() int { order++; return order }
	var put func(file string)
	put = func(file string) {
		if done[file] {
			return
		}
		done[file] = true
		for _, dep := range needs[file] {
			put(dep)
		}
		copyFile(t, filepath.Join(base, file), filepath.Join(root, "modules", fmt.Sprintf("%03d-%s", next(), filepath.Base(file))))
	}
	for _, name := range modules {
		put(byName[name])
	}
}

// loaders makes the images of GRUB that the deployment system brings along.
func loaders(t *testing.T, root string) {
	dir := filepath.Join(root, "usr/lib/kadeploy/grub")
	check(t, os.MkdirAll(dir, 0o755))
	copyFile(t, "/usr/lib/grub/i386-pc/boot.img", filepath.Join(dir, "boot.img"))
	early := filepath.Join(dir, "early.cfg")
	check(t, os.WriteFile(early, []byte("search --no-floppy --file --set=root /boot/grub/kadeploy.cfg\nconfigfile ($root)/boot/grub/kadeploy.cfg\n"), 0o644))
	common := []string{"part_msdos", "part_gpt", "ext2", "xfs", "btrfs", "fat", "search", "search_fs_file", "search_fs_uuid", "configfile", "linux", "normal", "echo", "reboot", "boot"}
	for _, image := range [][]string{{"i386-pc", "core.img", "biosdisk"}, {"x86_64-efi", "BOOTX64.EFI"}} {
		args := append([]string{"-O", image[0], "-o", filepath.Join(dir, image[1]), "-c", early, "-p", "/boot/grub"}, append(common, image[2:]...)...)
		cmd := exec.Command("grub-mkimage", args...)
		cmd.Stderr = os.Stderr
		check(t, cmd.Run())
	}
}

// run boots the machine, until it powers off, and gives what it printed on its serial console.
func (b box) run(t *testing.T, args ...string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", slices.Concat(b.args, []string{
		"-accel", "tcg,thread=multi,tb-size=64", "-cpu", "max", "-smp", "1", "-m", "1024",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-drive", "id=a,if=none,format=raw,cache=unsafe,file=" + filepath.Join(b.dir, "virtio"), "-device", "virtio-blk-pci,drive=a,serial=VIRT-1,bootindex=1",
		"-drive", "id=b,if=none,format=raw,cache=unsafe,file=" + filepath.Join(b.dir, "nvme"), "-device", "nvme,drive=b,serial=NVME-1",
	}, args)...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	text := strings.ReplaceAll(out.String(), "\r", "")
	t.Log("console:\n" + text)
	check(t, err)
	return text
}

func exists(file string) bool { _, err := os.Stat(file); return err == nil }

func copyFile(t *testing.T, from, to string) {
	data, err := os.ReadFile(from)
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(to), 0o755))
	check(t, os.WriteFile(to, data, 0o755))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
