package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// bench measures and prints; nothing is judged.
func bench(args []string) error {
	flags := flag.NewFlagSet("lab bench", flag.ContinueOnError)
	programs := flags.String("bin", "bin", "directory of the programs")
	only := flags.String("run", "", "deploy or services; both by default")
	most := flags.Int("n", 4, "deployments of 1, 2, 4 ... machines, to this number")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := filepath.Abs(*programs)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := sizes(dir); err != nil {
		return err
	}
	if *only != "deploy" {
		if err := services(ctx, dir); err != nil {
			return err
		}
	}
	if *only == "services" {
		return nil
	}
	fmt.Println("\nBIOS, iPXE over HTTP, IPMI, tiny image; seconds. By state: of the machine that was longest in it. Boot: all machines from power on to the system up, the floor.")
	fmt.Printf("%-9s %8s %8s   %s\n", "machines", "all OK", "boot", "by state")
	for n := 1; n <= *most; n *= 2 {
		if err := deployments(ctx, dir, n); err != nil {
			return err
		}
	}
	return nil
}

// newSite opens a lab with n machines and the server running in it.
func newSite(programs string, n int, daemon map[string]string) (s *labsite.Site, env string, err error) {
	k, err := lab.HostKernel()
	if err != nil {
		return nil, "", err
	}
	boot, err := labsite.BootFiles(programs, k)
	if err != nil {
		return nil, "", err
	}
	image, err := labimage.Tiny(k, "tiny")
	if err != nil {
		return nil, "", err
	}
	l, err := lab.New(lab.Config{Machines: make([]lab.MachineConfig, n)})
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	s = &labsite.Site{Lab: l, Conf: filepath.Join(l.Dir, "site"), Programs: programs}
	if err = labsite.Write(labsite.Config{Lab: l, Dir: s.Conf, Boot: boot, Daemon: daemon}); err != nil {
		return nil, "", err
	}
	if env, err = labsite.AddEnvironment(s.Conf, labsite.Environment{Name: "tiny", Image: image, Kind: "tzst"}); err != nil {
		return nil, "", err
	}
	if err = l.StartDHCP(labsite.DHCP("")); err != nil {
		return nil, "", err
	}
	_, err = s.Run("kadeploy-server", "start", "-d", s.Conf)
	return s, env, err
}

// deployments measures one deployment of n machines, and then how long they need to boot what was deployed.
func deployments(ctx context.Context, programs string, n int) error {
	s, env, err := newSite(programs, n, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.Deploy(env)
	if err != nil {
		return err
	}
	r, err := d.Wait()
	if err != nil {
		return err
	}
	if r.Outcome != "all_ok" {
		fmt.Printf("%-9d %s: %s\n", n, r.Outcome, r.Text)
		return nil
	}
	boot, err := bootAll(ctx, s.Machines)
	if err != nil {
		return err
	}
	events, err := s.Events(r.ID)
	if err != nil {
		return err
	}
	fmt.Printf("%-9d %8.1f %8.1f   %s\n", n, r.Seconds, boot.Seconds(), byState(events))
	return nil
}

// bootAll is how long it takes from the power button until the last of the machines says that its system is up.
func bootAll(ctx context.Context, machines []*lab.Machine) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var marks []lab.Mark
	for _, m := range machines {
		if err := m.Off(); err != nil {
			return 0, err
		}
		marks = append(marks, m.Serial.Mark())
	}
	start := time.Now()
	for _, m := range machines {
		if err := m.On(); err != nil {
			return 0, err
		}
	}
	for i, m := range machines {
		if _, err := m.Serial.Wait(ctx, marks[i], "LAB-SYSTEM"); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

func sizes(programs string) error {
	k, err := lab.HostKernel()
	if err != nil {
		return err
	}
	boot, err := labsite.BootFiles(programs, k)
	if err != nil {
		return err
	}
	for _, path := range []string{filepath.Join(programs, "kadeploy-agent"), filepath.Join(boot, "vmlinuz-kadeploy"), filepath.Join(boot, "initrd-kadeploy")} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf("%-20s %6.1f MB\n", filepath.Base(path), float64(info.Size())/1e6)
	}
	return nil
}
