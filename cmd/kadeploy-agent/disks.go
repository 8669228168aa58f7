package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
)

// workbench is the machine that an agent works on, and how its boot ends when the server says so.
type workbench struct {
	machine.Machine
	restart func(agent.End) error
}

// openWorkbench opens what the flags name: real disks only where somebody has said so.
func openWorkbench(c *cli.Context) (workbench, error) {
	root := c.String("sandbox-disk")
	switch {
	case c.Bool("disks") && root != "":
		return workbench{}, errors.New("--disks and --sandbox-disk: give one of them")
	case c.Bool("disks"):
		return realDisks()
	case root == "":
		return workbench{}, errors.New("give --disks to write this machine's disks, or --sandbox-disk DIRECTORY")
	}
	disk, err := dirdisk.Open(dirdisk.Config{Root: root, Capacity: c.Int64("sandbox-capacity"), Rate: c.Int64("sandbox-rate")})
	if err != nil {
		return workbench{}, err
	}
	return workbench{disk, func(agent.End) error { return nil }}, nil // the sandbox reboots when the agent exits
}

// realDisks is the machine that this program runs on. Where process 1 is this program too, that one restarts it, with the kernel that is loaded if
// there is one; elsewhere the restart is done here, and does not return when it goes well.
func realDisks() (workbench, error) {
	driver, err := linux.New(linux.Config{})
	if err != nil {
		return workbench{}, err
	}
	return workbench{driver, func(end agent.End) error {
		switch {
		case isInit():
			return nil
		case end == agent.EndKexec:
			return driver.Kexec()
		}
		return driver.Reboot()
	}}, nil
}

// isInit says whether process 1 is this program: then this is the deployment system that mkenv makes.
func isInit() bool {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	first, err := os.Stat("/proc/1/exe")
	return err == nil && os.SameFile(self, first)
}
