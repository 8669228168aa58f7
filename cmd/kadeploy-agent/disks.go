package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

// workbench is the machine that an agent works on, and how its boot ends when the server says so.
type workbench struct {
	machine.Machine
	restart func(context.Context, agent.End) error
	leave   func() error // the agent ends, and the machine goes on
}

func stay() error { return nil }

// openWorkbench opens what the flags name: real disks only where somebody has said so.
func openWorkbench(c *cli.Context) (workbench, error) {
	root := c.String("sandbox-disk")
	switch {
	case c.Bool("disks") && root != "":
		return workbench{}, errors.New("--disks and --sandbox-disk: give one of them")
	case c.Bool("disks") && c.Bool(detached):
		return borrowedDisks()
	case c.Bool("disks"):
		return realDisks()
	case root == "":
		return workbench{}, errors.New("give --disks to write this machine's disks, or --sandbox-disk DIRECTORY")
	}
	disk, err := dirdisk.Open(dirdisk.Config{Root: root, Capacity: c.Int64("sandbox-capacity"), Rate: c.Int64("sandbox-rate")})
	if err != nil {
		return workbench{}, err
	}
	return workbench{disk, func(context.Context, agent.End) error { return nil }, stay}, nil // the sandbox reboots when the agent exits
}

// realDisks is the machine that this program runs on. Its restart does not return when it goes well.
func realDisks() (workbench, error) {
	driver, err := linux.New(linux.Config{})
	if err != nil {
		return workbench{}, err
	}
	if os.Args[0] == layout.Init {
		return workbench{driver, tellInit, stay}, nil
	}
	return workbench{driver, func(_ context.Context, end agent.End) error {
		switch end {
		case agent.EndReboot:
			return driver.Reboot()
		case agent.EndKexec:
			return driver.Kexec()
		}
		return fmt.Errorf("bug in the agent: no way to end a boot by %d", end)
	}, stay}, nil
}

// borrowedDisks are those of a machine whose own system runs, and shuts down by itself.
func borrowedDisks() (workbench, error) {
	driver, err := linux.New(linux.Config{Guest: true})
	if err != nil {
		return workbench{}, err
	}
	return workbench{driver, func(ctx context.Context, end agent.End) error {
		return driver.ShutDown(ctx, end == agent.EndKexec)
	}, driver.Leave}, nil
}

// tellInit leaves the end of the boot to process 1, which is this program, too: it hangs up on ssh sessions and unmounts what scripts have mounted.
func tellInit(_ context.Context, end agent.End) error {
	if end == agent.EndKexec {
		os.Exit(layout.KexecStatus)
	}
	return nil
}
