package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// What follows is for a machine that runs a system of its own (Config.Guest), and either goes on with it or ends it in its own way.

// shutdownTime is how long that system may take to shut down before it is not asked any more.
const shutdownTime = 90 * time.Second

// Leave takes away what this driver has left: mounts, scratch directories, and the directories that were made for them.
func (d *Driver) Leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), busyTime)
	defer cancel()
	err := d.release(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range slices.Backward(d.made) {
		err = errors.Join(err, os.Remove(dir)) // what somebody has put there in the meantime is his
	}
	d.made = nil
	return err
}

// ShutDown has the system shut down and the machine reboot, or start the kernel that LoadKernel has loaded. It returns when ctx ends, which is
// when the shutdown comes to this process. A system that does not shut down is ended as it is: the disks are synced.
func (d *Driver) ShutDown(ctx context.Context, kexec bool) error {
	_ = d.Leave() // a machine that cannot be left in order must be left all the same
	command, tool := unix.LINUX_REBOOT_CMD_RESTART, script.Config{Name: "reboot"}
	_, err := os.Stat("/run/systemd/system") // sd_booted(3)
	systemd := err == nil
	switch {
	case kexec && systemd:
		command, tool = unix.LINUX_REBOOT_CMD_KEXEC, script.Config{Name: "systemctl", Args: []string{"kexec"}}
	case kexec:
		return d.Kexec() // no other init knows of it
	case systemd:
		tool = script.Config{Name: "systemctl", Args: []string{"reboot"}}
	}
	limited, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	if _, err := script.Tool(limited, tool); err == nil {
		<-limited.Done()
	}
	if ctx.Err() != nil {
		return nil
	}
	return d.end(command)
}

// makeDir makes a directory that is missing, and those above it, and remembers each where they are not to stay.
func (d *Driver) makeDir(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := d.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, os.ErrExist) { // somebody else has just made it
		return nil
	}
	if err != nil {
		return err
	}
	if d.guest {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.made = append(d.made, dir)
	}
	return nil
}

// mountMemory makes a directory one of its own, in memory.
func (d *Driver) mountMemory(dir string) error {
	if err := d.makeDir(dir); err != nil {
		return err
	}
	if err := unix.Mount("kadeploy", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return fmt.Errorf("mount memory: %w", err)
	}
	d.remember(mount{dir: dir})
	return nil
}
