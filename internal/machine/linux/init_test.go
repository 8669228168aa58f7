//go:build qemu

package linux_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/deploysystem"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// inMachine says that this program is the first process of the specs' machine.
var inMachine = os.Getpid() == 1

func TestMain(m *testing.M) {
	if !inMachine {
		deploysystem.Main(os.Getpid(), os.Args) // does not return when the machine's kernel wants a module
		os.Exit(m.Run())
	}
	prepare()
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		panic(err)
	}
	if strings.Contains(string(line), "kadeploy.second=") {
		fmt.Printf("\nMACHINE: second system, %s\n", strings.TrimSpace(string(line)))
		powerOff()
	}
	code := m.Run()
	fmt.Printf("\nMACHINE: specs ended with %d\n", code)
	if code == 0 {
		fmt.Println("\nMACHINE: kexec:", second())
	}
	powerOff()
}

// second deploys a system to the first disk, with a boot loader, and starts it by kexec.
func second() error {
	ctx := context.Background()
	d, err := linux.New(linux.Config{})
	if err != nil {
		return err
	}
	k, err := deploySystem(ctx, d, "/dev/vda")
	if err != nil {
		return err
	}
	k.Params = "kadeploy.second=grub console=ttyS0"
	if _, err := d.InstallBootloader(ctx, k); err != nil {
		return err
	}
	k.Params = "kadeploy.second=kexec console=ttyS0"
	if err := d.LoadKernel(ctx, k); err != nil {
		return err
	}
	return d.Kexec()
}

// deploySystem puts the small system that the initramfs brings along on a disk. Its kernel is behind links, as a distribution's is.
func deploySystem(ctx context.Context, d *linux.Driver, disk string) (k machine.Kernel, err error) {
	k = machine.Kernel{Root: "/mnt/second", Device: disk + "1", Kernel: "/vmlinuz", Initrd: "/initrd.img"}
	_, err = d.Partition(ctx, machine.Table{Device: disk, Kind: "sfdisk", Script: []byte(layoutOf())})
	if err == nil {
		err = d.Format(ctx, k.Device, "ext4", "")
	}
	if err == nil {
		err = d.Mount(ctx, k.Device, k.Root, "ext4")
	}
	if err == nil {
		err = os.MkdirAll(k.Root+"/boot", 0o755)
	}
	for from, to := range map[string]string{"vmlinuz": "vmlinuz-1", "initrd": "initrd-1"} {
		if err == nil {
			var data []byte
			if data, err = os.ReadFile("/system/" + from); err == nil {
				err = os.WriteFile(filepath.Join(k.Root, "boot", to), data, 0o644)
			}
		}
	}
	if err == nil {
		err = os.Symlink("/boot/vmlinuz-1", k.Root+"/vmlinuz")
	}
	if err == nil {
		err = os.Symlink("boot/initrd-1", k.Root+"/initrd.img")
	}
	return k, err
}

// layoutOf has a place for the loader of the firmware that this machine has.
func layoutOf() string {
	if exists("/sys/firmware/efi") {
		return "label: gpt\nsize=512M\nsize=64M, type=uefi\n"
	}
	return "label: dos\nsize=512M, type=83\n"
}

// prepare makes the file systems of the kernel and loads the modules that it does not ask for.
func prepare() {
	os.Setenv("PATH", script.Path)
	for _, fs := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := unix.Mount(fs[0], fs[1], fs[0], 0, ""); err != nil {
			panic(err)
		}
	}
	_ = exec.Command("/usr/sbin/modprobe", "-q", "virtio_pci", "virtio_blk", "nvme").Run() // what is built in is no module
}

func powerOff() {
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}
