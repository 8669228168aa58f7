package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/initramfs"
	"github.com/kadeploy/kadeploy/internal/outfile"
)

// The files that mkenv makes.
const (
	envKernel = "vmlinuz-kadeploy"
	envInitrd = "initrd-kadeploy"
)

func mkenvFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "`DIR`ectory for " + envKernel + " and " + envInitrd + ", made when missing"},
		&cli.StringFlag{Name: "kernel", Usage: "`FILE` of the kernel (default: the newest /boot/vmlinuz-VERSION)"},
		&cli.StringFlag{Name: "modules", Usage: "`DIR`ectory of its modules (default: /lib/modules/VERSION)"},
		&cli.StringSliceFlag{Name: "module", Usage: "add the module `NAME` and what it needs"},
		&cli.StringSliceFlag{Name: "tool", Usage: "add the program `NAME`, or at that path, with its libraries"},
		&cli.StringFlag{Name: "authorized-keys", Usage: "`FILE` of the keys that may log in to nodes by ssh while they are deployed"},
		toggle("shell", "start a shell on the console; kadeploy.shell=1 on the kernel command line does it for one boot"),
		&cli.StringFlag{Name: "agent", Usage: "`FILE` of the agent (default: kadeploy-agent beside this program, or in the PATH)"},
	}
}

// mkenv builds the deployment system.
func (r *runner) mkenv(c *cli.Context) error {
	dir := c.String("out")
	if dir == "" {
		return usage("mkenv", "no directory to write to: give -o DIR")
	}
	seconds, err := sourceDate()
	if err != nil {
		return err
	}
	cfg := initramfs.Config{
		Kernel: c.String("kernel"), Modules: c.String("modules"), Extra: c.StringSlice("module"),
		Tools: c.StringSlice("tool"), Shell: c.Bool("shell"),
	}
	if cfg.Agent, err = agentFile(c.String("agent")); err != nil {
		return err
	}
	if file := c.String("authorized-keys"); file != "" {
		if cfg.Keys, err = initramfs.ReadKeys(file); err != nil {
			return usage("mkenv", "--authorized-keys %w", err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	system, err := initramfs.Build(ctx, cfg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	kernel, err := replace(ctx, filepath.Join(dir, envKernel), func(w io.Writer) error {
		f, err := os.Open(system.Kernel)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		return err
	}
	initrd, err := replace(ctx, filepath.Join(dir, envInitrd), func(w io.Writer) error { return system.WriteInitrd(w, seconds) })
	if err != nil {
		return err
	}
	return system.Report.WriteText(r.Stdout, initramfs.Written{Dir: dir, Kernel: envKernel, KernelSize: kernel, Initrd: envInitrd, InitrdSize: initrd})
}

// replace makes a file in one step and returns its size.
func replace(ctx context.Context, name string, write func(io.Writer) error) (int64, error) {
	place, err := outfile.Find(name)
	var d *outfile.Draft
	if err == nil {
		d, err = place.Create()
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	defer d.Discard()
	w := &counter{ctx: ctx, out: d}
	if err := write(w); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.Commit(true); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return w.n, nil
}

// counter counts what is written until its context ends.
type counter struct {
	ctx context.Context
	out io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.out.Write(p)
	c.n += int64(n)
	return n, err
}

// agentFile finds the agent's program.
func agentFile(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "kadeploy-agent")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	found, err := exec.LookPath("kadeploy-agent")
	if err != nil {
		return "", usage("mkenv", "kadeploy-agent is neither beside this program nor in the PATH: give --agent FILE")
	}
	return found, nil
}

// sourceDate is the time that the files of the initrd have (reproducible-builds.org, SOURCE_DATE_EPOCH).
func sourceDate() (uint32, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, usage("mkenv", "SOURCE_DATE_EPOCH=%q: want seconds since 1970", text)
	}
	return uint32(seconds), nil
}

const mkenvHelp = `Makes the deployment system that nodes are booted into: a kernel, and a file system in memory with kadeploy-agent, kernel
modules, and programs of this machine with their libraries. Prints what is in it, what was left out and why, and the lines
for the configuration. Every file is replaced in one step; the same input gives the same bytes.

Modules for usual network cards, disks and file systems are in it; the agent loads those that the hardware asks for.
kadeploy.drivers=NAME,NAME in deploy_kernel_args loads some first.

EXAMPLES:
   kadeploy-server mkenv -o /srv/tftp/kernels
   kadeploy-server mkenv -o /srv/tftp/kernels --module be2net --tool rsync --authorized-keys /root/.ssh/id_ed25519.pub
   kadeploy-server mkenv -o kernels --kernel /boot/vmlinuz-6.1.0-9-amd64 --modules /lib/modules/6.1.0-9-amd64`
