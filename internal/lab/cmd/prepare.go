package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// prepare writes a site for the lab, with the tiny image in it, and says what to do with it.
func prepare(l *lab.Lab, programs string) error {
	programs, err := filepath.Abs(programs)
	if err != nil {
		return err
	}
	k, err := lab.HostKernel()
	if err != nil {
		return err
	}
	boot, err := labsite.BootFiles(programs, k)
	if err != nil {
		return err
	}
	site := filepath.Join(l.Dir, "site")
	if err := labsite.Write(labsite.Config{Lab: l, Dir: site, Boot: boot}); err != nil {
		return err
	}
	image, err := labimage.Tiny(k, "tiny")
	if err != nil {
		return err
	}
	env, err := labsite.AddEnvironment(site, labsite.Environment{Name: "tiny", Image: image, Kind: "tzst"})
	if err != nil {
		return err
	}
	for _, m := range l.Machines {
		fmt.Printf("%-8s %-10s %-4s disk %s, BMC %s (IPMI, Redfish), user %s, password %s\n", m.Name, m.Addr, m.Firmware, m.Device(), m.BMC, lab.BMCUser, lab.BMCPassword)
	}
	in := "ip netns exec " + l.ServerNamespace()
	fmt.Printf(`
The machines are off, their disks empty. The server's namespace has every port free; a configuration is ready for it:

  %[1]s %[2]s/kadeploy-server start -d %[3]s
  %[1]s %[2]s/kadeploy deploy -d %[3]s -m 'node-[1-%[4]d]' -a %[5]s

  tail -f %[6]s/serial.log                                    what a machine says
  %[1]s ipmitool -I lanplus -C 3 -H %[7]s -U lab -P lab sol activate    its console, to type at; ~. leaves it
  %[1]s ipmitool -I lanplus -C 3 -H %[7]s -U lab -P lab chassis power on|off|reset|status
  cat %[6]s/chassis.log %[8]s/dhcp.log

Ctrl-C removes all of it.
`, in, programs, site, len(l.Machines), env, l.Machines[0].Dir, l.Machines[0].BMC, l.Dir)
	_, err = os.Stat(filepath.Join(programs, "kadeploy-server"))
	return err
}
