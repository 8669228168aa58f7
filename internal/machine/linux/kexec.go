package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// LoadKernel loads the kernel by kexec_file_load(2), and by kexec-tools where the kernel that runs does not have the call.
func (d *Driver) LoadKernel(ctx context.Context, k machine.Kernel) error {
	if err := d.loadKernel(ctx, k); err != nil {
		return fmt.Errorf("kexec: %w", err)
	}
	return d.release(ctx)
}

func (d *Driver) loadKernel(ctx context.Context, k machine.Kernel) error {
	root, params, err := d.deployed(ctx, k)
	if err != nil {
		return err
	}
	defer root.Close()
	kernel, err := open(root, k.Kernel)
	if err != nil {
		return err
	}
	defer kernel.Close()
	initrd, flags := (*os.File)(nil), unix.KEXEC_FILE_NO_INITRAMFS
	if k.Initrd != "" {
		if initrd, err = open(root, k.Initrd); err != nil {
			return err
		}
		defer initrd.Close()
		flags = 0
	}
	err = kexecFile(kernel, initrd, params, flags)
	if errors.Is(err, unix.ENOSYS) {
		if d.guest && strings.Contains(params, "kadeploy.token=") { // the users of that system can read the arguments of a program
			return errors.New("the kernel of the running system has no kexec_file_load(2), and by kexec-tools everybody there could read the token of the boot; reboot it instead")
		}
		return loadByTool(ctx, kernel, initrd, params)
	}
	return explainKexec(err, k.Kernel)
}

// deployed opens the system that a kernel is of, and says what its arguments are.
func (d *Driver) deployed(ctx context.Context, k machine.Kernel) (*os.Root, string, error) {
	params, err := d.params(ctx, k)
	if err != nil {
		return nil, "", err
	}
	tree, err := d.Tree(k.Root)
	if err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(tree.Path)
	return root, params, err
}

func kexecFile(kernel, initrd *os.File, params string, flags int) error {
	fd := -1
	if initrd != nil {
		fd = int(initrd.Fd())
	}
	return unix.KexecFileLoad(int(kernel.Fd()), fd, params, flags)
}

// loadByTool is the older kexec_load(2), which needs a program to read the kernel. The files are named as this process has them open: what
// was resolved is what is loaded.
func loadByTool(ctx context.Context, kernel, initrd *os.File, params string) error {
	args := []string{"-l", ownFile(kernel), "--append=" + params}
	if initrd != nil {
		args = append(args, "--initrd="+ownFile(initrd))
	}
	_, err := script.Tool(ctx, script.Config{Name: "kexec", Args: args})
	return err
}

func ownFile(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

func explainKexec(err error, kernel string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s is no kernel that this one can start: %w", kernel, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYREJECTED):
		return fmt.Errorf("the firmware's Secure Boot lets this kernel start no other (%w); boot the system by the network instead", err)
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%s does not fit into the memory: %w", kernel, err)
	}
	return fmt.Errorf("load %s: %w", kernel, err)
}

// open opens a file of the deployed system, whose links lead nowhere else.
func open(root *os.Root, name string) (*os.File, error) {
	at, err := rooted.Resolve(root, name)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(at)
	if err != nil {
		return nil, fmt.Errorf("in the deployed system: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("in the deployed system, %s is no regular file", name)
	}
	return f, nil
}

// maxParams is COMMAND_LINE_SIZE of the kernels that have the longest, with its zero byte.
const maxParams = 4096 - 1

// params are the kernel arguments with a root device, for a system that has one.
func (d *Driver) params(ctx context.Context, k machine.Kernel) (string, error) {
	words := strings.Fields(k.Params)
	if k.Device != "" && !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "root=") }) {
		root, err := d.RootDevice(ctx, k.Device)
		if err != nil {
			return "", err
		}
		words = append([]string{"root=" + root}, words...)
	}
	params := strings.Join(words, " ")
	if len(params) > maxParams {
		return "", fmt.Errorf("the kernel arguments have %d bytes, more than %d", len(params), maxParams)
	}
	return params, nil
}

// release unmounts everything that this driver has mounted, and syncs.
func (d *Driver) release(ctx context.Context) error {
	var errs error
	for _, m := range slices.Backward(d.mounted()) {
		errs = errors.Join(errs, d.Umount(ctx, m.dir))
	}
	return errors.Join(errs, d.Sync(ctx))
}

// Reboot and Kexec end this boot: nothing that was written is lost, and the call does not return when it goes well.
func (d *Driver) Reboot() error { return d.end(unix.LINUX_REBOOT_CMD_RESTART) }

// Kexec starts the kernel that LoadKernel has loaded.
func (d *Driver) Kexec() error { return d.end(unix.LINUX_REBOOT_CMD_KEXEC) }

func (d *Driver) end(command int) error {
	ctx, cancel := context.WithTimeout(context.Background(), busyTime)
	defer cancel()
	_ = d.release(ctx) // a machine that cannot be left in order must be left all the same
	if err := unix.Reboot(command); err != nil {
		return fmt.Errorf("reboot: %w", err)
	}
	return nil
}
