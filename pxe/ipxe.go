package pxe

import (
	"errors"
	"fmt"
	"strings"
)

// LocalProgram is the UEFI program that starts the boot loader of the node's disk: iPXE cannot find it, GRUB can.
const LocalProgram = "grub-local.efi"

// ipxe writes a script of iPXE. What fails is tried again: a script that ends makes the firmware boot the disk, which holds the system
// before. After five times the machine starts anew, so that it sees the profile of today.
func (l Loader) ipxe(p Profile) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	if l.URL == "" {
		return "", errors.New("boot profile: iPXE fetches over HTTP: set http_listen and http_url")
	}
	if err := checkIPXE(p); err != nil {
		return "", err
	}
	steps, err := l.ipxeSteps(p)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("#!ipxe\nset tries:int32 0\n:again\ninc tries\niseq ${tries} 6 && reboot ||\nimgfree\n")
	for _, s := range steps {
		b.WriteString(s + " || goto failed\n")
	}
	b.WriteString(":failed\necho boot profile: failed, trying again\nsleep 2\ngoto again\n")
	return b.String(), nil
}

// ipxeSteps are the commands that boot; the last one does not return when all is well.
func (l Loader) ipxeSteps(p Profile) ([]string, error) {
	switch p.Kind {
	case Kernel:
		// The stub of a kernel for UEFI loads the images that its command line names; a BIOS hands it all of them.
		line, names := "kernel "+l.address(p.Kernel), ""
		var steps []string
		for i, f := range p.Initrds {
			steps = append(steps, fmt.Sprintf("initrd --name initrd%d %s", i, l.address(f)))
			names += fmt.Sprintf(" initrd=initrd%d", i)
		}
		if l.Firmware == UEFI {
			line += names
		}
		steps = append([]string{line + args(p.Args)}, steps...)
		return append(steps, "boot"), nil
	case Xen:
		if l.Firmware == UEFI {
			return nil, errors.New("boot profile: iPXE cannot start Xen under UEFI: set pxe_kind = grub")
		}
		steps := []string{"kernel " + l.address(p.Hypervisor) + args(p.HypervisorArgs), "module " + l.address(p.Kernel) + args(p.Args)}
		for _, f := range p.Initrds {
			steps = append(steps, "module "+l.address(f))
		}
		return append(steps, "boot"), nil
	}
	switch {
	case p.Kind == Chainload && p.Partition > 0:
		return nil, fmt.Errorf("boot profile: iPXE cannot start the boot sector of partition %d: set pxe_kind = pxelinux or grub", p.Partition)
	case l.Firmware == UEFI && !p.onFirstDisk():
		return nil, errors.New("boot profile: only the first disk can be started under UEFI")
	case l.Firmware == UEFI:
		return []string{"chain " + l.address(LocalProgram)}, nil
	case p.Kind == Chainload:
		return []string{fmt.Sprintf("sanboot --no-describe --drive %#x", 0x80+p.Disk)}, nil
	case p.Drive >= 0x80:
		return []string{fmt.Sprintf("sanboot --no-describe --drive %#x", p.Drive)}, nil
	}
	return []string{"sanboot --no-describe --drive 0x80"}, nil
}

// checkIPXE refuses what iPXE would not take as it stands: it puts settings in the place of ${NAME}, and || and && end a command.
func checkIPXE(p Profile) error {
	for _, s := range append([]string{p.Kernel, p.Args, p.Hypervisor, p.HypervisorArgs}, p.Initrds...) {
		if strings.Contains(s, "${") {
			return fmt.Errorf("boot profile: %q holds ${, which iPXE replaces", s)
		}
		for word := range strings.FieldsSeq(s) {
			if word == "||" || word == "&&" {
				return fmt.Errorf("boot profile: %q holds %s, which ends a command of iPXE", s, word)
			}
		}
	}
	return nil
}

// ipxeFirstStage is the script that DHCP names to all nodes: it goes on with the node's own profile. Relative names are below where
// this one came from, over HTTP or TFTP.
func ipxeFirstStage(naming Naming) string {
	return "#!ipxe\n:again\nchain --replace --autofree " + Dirs[IPXE] + "/" + ipxeName(naming) + " ||\n" +
		"echo kadeploy: no boot profile " + ipxeName(naming) + ", trying again\nsleep 5\ngoto again\n"
}

// ipxeName is the name of a profile as iPXE spells it from its settings; netX is the interface that it has booted from.
func ipxeName(naming Naming) string {
	switch naming {
	case MAC:
		return "01-${netX/mac:hexhyp}.ipxe"
	case UUID:
		return "${uuid}.ipxe"
	case Hostname, HostnameShort:
		return "${hostname}.ipxe"
	}
	return "${netX/ip}.ipxe"
}
