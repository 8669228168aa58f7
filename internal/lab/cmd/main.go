// Lab starts a room of virtual machines with firmware, disks, consoles and BMCs, to play with or to test in. Needs root.
//
//	lab up -n 2            two machines, until Ctrl-C
//	lab up -n 2 -uefi 1    the first of them with UEFI
//	lab down               removes what a killed lab left
//	lab bench              measures deployments of 1, 2 and 4 machines, and the boot services beside others
//	lab images             makes the images and prints where they are
//	lab packages           the Debian packages it needs
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

func main() {
	lab.PlayRole()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command: want up, down, bench, images or packages")
	}
	switch args[0] {
	case "up":
		return up(args[1:])
	case "bench":
		return bench(args[1:])
	case "down":
		return lab.Clean("")
	case "images":
		return images()
	case "packages":
		for _, p := range lab.Packages() {
			fmt.Println(p)
		}
		return nil
	}
	return fmt.Errorf("no command %q: want up, down, bench, images or packages", args[0])
}

func up(args []string) error {
	flags := flag.NewFlagSet("lab up", flag.ContinueOnError)
	n := flags.Int("n", 2, "machines")
	uefi := flags.Int("uefi", 0, "how many of them, the first ones, have UEFI instead of BIOS")
	programs := flags.String("bin", "bin", "directory of kadeploy-server and kadeploy, for the configuration")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := lab.Config{Machines: make([]lab.MachineConfig, *n)}
	for i := range min(*uefi, *n) {
		cfg.Machines[i].Firmware = lab.UEFI
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	l, err := lab.New(cfg)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.StartDHCP(labsite.DHCP("")); err != nil {
		return err
	}
	if err := prepare(l, *programs); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Println("\nThe lab is removed.")
	return l.Close()
}

func images() error {
	k, err := lab.HostKernel()
	if err != nil {
		return err
	}
	for _, image := range []func() (string, error){
		func() (string, error) { return labimage.Tiny(k, "tiny") },
		func() (string, error) { return labimage.Partition(k, "tiny") },
		func() (string, error) { return labimage.WholeDisk(k, "tiny") },
		labimage.Debian,
	} {
		path, err := image()
		if err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
