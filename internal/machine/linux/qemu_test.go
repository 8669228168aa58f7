//go:build qemu

package linux_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/initramfs"
	"github.com/kadeploy/kadeploy/internal/lab"
)

// The specs of real disks run in a machine of their own: this very test program is the first process of a QEMU machine with a virtio and an
// NVMe disk, which its kernel reads from no firmware. Needs Debian's kernel and tools; `make test-qemu` says how it is called.

func TestRealDisks(t *testing.T) {
	kernel, initrd := system(t)
	t.Run("layouts", func(t *testing.T) {
		out := newBox(t, "nvme,drive=b,serial=NVME-1", "-machine", "pc,graphics=off").specs(t, kernel, initrd, "layout.of.real.disks")
		if !strings.Contains(out, "MACHINE: specs ended with 0") {
			t.Fatal("the specs in the machine failed")
		}
	})
	t.Run("BIOS", func(t *testing.T) {
		m := newBox(t, "nvme,drive=b,serial=NVME-1", "-machine", "pc,graphics=off")
		m.boots(t, kernel, initrd, "real.disk")
	})
	t.Run("UEFI", func(t *testing.T) {
		const code, vars = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
		if !exists(code) {
			t.Skip("needs " + code + " of the package ovmf")
		}
		own := filepath.Join(t.TempDir(), "vars.fd")
		copyFile(t, vars, own)
		m := newBox(t, "nvme,drive=b,serial=NVME-1,logical_block_size=4096,physical_block_size=4096", "-machine", "q35,graphics=off",
			"-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+code, "-drive", "if=pflash,format=raw,unit=1,file="+own)
		m.boots(t, kernel, initrd, "firmware.is.UEFI|4.KiB")
	})
}

// box is a machine that can be booted several times.
type box struct {
	nvme string // device of its second disk
	args []string
	dir  string
}

func newBox(t *testing.T, nvme string, args ...string) box {
	b := box{nvme, args, t.TempDir()}
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
	out := b.specs(t, kernel, initrd, focus)
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

// specs runs those with a name in the machine, and gives what was printed.
func (b box) specs(t *testing.T, kernel, initrd, focus string) string {
	return b.run(t, "-kernel", kernel, "-initrd", initrd, "-append",
		"console=ttyS0 quiet panic=-1 -- -test.v -test.run=TestSpecs -ginkgo.no-color -ginkgo.v -ginkgo.focus="+focus+" -test.timeout=8m")
}

// system is a deployment system with this program as its init. It brings another along: what is to be deployed.
func system(t *testing.T) (kernel, initrd string) {
	self, err := os.Executable()
	check(t, err)
	built, err := initramfs.Build(t.Context(), initramfs.Config{Agent: self, Tools: []string{"swapon", "swapoff"}})
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and what mkenv needs: ", err)
	}
	small := initramfs.NewTree()
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		small.Dir(dir, 0o755)
	}
	program, err := os.ReadFile(self)
	check(t, err)
	small.File("/init", 0o755, program)
	var inside bytes.Buffer
	check(t, small.WriteCPIO(&inside, 0))
	image, err := os.ReadFile(built.Kernel)
	check(t, err)
	built.Tree.Dir("/system", 0o755)
	built.Tree.File("/system/vmlinuz", 0o644, image)
	built.Tree.File("/system/initrd", 0o644, inside.Bytes())
	out, err := os.Create(filepath.Join(t.TempDir(), "initrd"))
	check(t, err)
	check(t, built.Tree.WriteCPIO(out, 0)) // not compressed: that takes longer than all the rest
	check(t, out.Close())
	return built.Kernel, out.Name()
}

// run boots the machine, until it powers off, and gives what it printed on its serial console.
func (b box) run(t *testing.T, args ...string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", slices.Concat(b.args, lab.Processor(), []string{
		"-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-drive", "id=a,if=none,format=raw,cache=unsafe,file=" + filepath.Join(b.dir, "virtio"), "-device", "virtio-blk-pci,drive=a,serial=VIRT-1,bootindex=1",
		"-drive", "id=b,if=none,format=raw,cache=unsafe,file=" + filepath.Join(b.dir, "nvme"), "-device", b.nvme,
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
