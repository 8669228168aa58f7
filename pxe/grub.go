package pxe

import (
	"errors"
	"fmt"
	"strings"
)

// What the firmware of a disk is looked for under, in order: the removable media path of UEFI, which every deployed system has, and the
// menu that the deployment system writes.
const (
	removable = "/EFI/BOOT/BOOTX64.EFI"
	diskMenu  = "/boot/grub/kadeploy.cfg"
)

// grub writes a menu file of GRUB. Each command is asked for its result: GRUB goes on after a failed initrd, and the kernel would panic
// without its root. Files come over TFTP (HTTP of GRUB 2.06 hangs now and then).
func (l Loader) grub(p Profile) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	if err := checkGRUB(p); err != nil {
		return "", err
	}
	var b strings.Builder
	switch p.Kind {
	case Kernel:
		grubNested(&b, "linux "+grubFile(p.Kernel)+grubArgs(p.Args), grubInitrds("initrd", p.Initrds))
	case Xen:
		modules := "module2 " + grubFile(p.Kernel) + grubArgs(p.Args)
		grubNested(&b, "multiboot2 "+grubFile(p.Hypervisor)+grubArgs(p.HypervisorArgs), modules, grubInitrds("module2", p.Initrds))
	default:
		if err := l.grubLocal(&b, p); err != nil {
			return "", err
		}
	}
	b.WriteString("echo boot profile: failed, starting again\nsleep 5\nreboot\n")
	return b.String(), nil
}

// grubLocal starts the node's disk. The root must be the device of the program: the firmware refuses another one's.
func (l Loader) grubLocal(b *strings.Builder, p Profile) error {
	switch {
	case l.Firmware == UEFI && !p.onFirstDisk():
		return errors.New("boot profile: only the first disk can be started under UEFI")
	case l.Firmware == UEFI:
		b.WriteString(GRUBLocal())
	case p.Kind == Chainload && p.Partition > 0:
		fmt.Fprintf(b, "set root=(hd%d,%d)\n", p.Disk, p.Partition)
		grubNested(b, "chainloader +1")
	case p.Kind == Chainload:
		fmt.Fprintf(b, "set root=(hd%d)\n", p.Disk)
		grubNested(b, "chainloader +1")
	default:
		fmt.Fprintf(b, "set root=(hd%d)\n", max(p.Drive-0x80, 0))
		grubNested(b, "chainloader +1")
	}
	return nil
}

// GRUBLocal is the menu that starts the boot loader of a disk under UEFI. GRUB's own `exit` would end in the firmware's set-up.
func GRUBLocal() string {
	var b strings.Builder
	grubNested(&b, "search --no-floppy --file --set=root "+removable, "chainloader "+removable)
	grubNested(&b, "search --no-floppy --file --set=root "+diskMenu, "configfile "+diskMenu)
	return b.String()
}

// grubNested writes commands of which each needs the one before; the last thing is boot.
func grubNested(b *strings.Builder, commands ...string) {
	var depth int
	for _, c := range commands {
		if c != "" {
			fmt.Fprintf(b, "%sif %s; then\n", strings.Repeat("  ", depth), c)
			depth++
		}
	}
	fmt.Fprintf(b, "%sboot\n", strings.Repeat("  ", depth))
	for ; depth > 0; depth-- {
		b.WriteString(strings.Repeat("  ", depth-1) + "fi\n")
	}
}

func grubFile(name string) string { return grubWord("(tftp)/" + strings.TrimLeft(name, "/")) }

func grubInitrds(command string, files []string) string {
	if len(files) == 0 {
		return ""
	}
	for _, f := range files {
		command += " " + grubFile(f)
	}
	return command
}

func grubArgs(s string) string {
	line := ""
	for word := range strings.FieldsSeq(s) {
		line += " " + grubWord(word)
	}
	return line
}

// grubWord quotes what GRUB's shell would read as more than a word.
func grubWord(word string) string {
	if strings.ContainsAny(word, "$;#{}|&<>*?[]~!") {
		return "'" + word + "'"
	}
	return word
}

// checkGRUB refuses what GRUB hands to a kernel with backslashes of its own.
func checkGRUB(p Profile) error {
	for _, s := range append([]string{p.Kernel, p.Args, p.Hypervisor, p.HypervisorArgs}, p.Initrds...) {
		if i := strings.IndexAny(s, `'"\`); i >= 0 {
			return fmt.Errorf("boot profile: %q holds %q, which GRUB does not hand on as it is", s, s[i])
		}
	}
	return nil
}

// grubFirstStage is the menu that every node's GRUB starts with: it goes on with the node's own profile. A profile does not return, but
// by a reboot.
func grubFirstStage(naming Naming) string {
	name := "grub.cfg-$net_default_ip"
	if naming == MAC {
		name = "grub.cfg-$net_default_mac"
	}
	return "configfile (tftp)/" + Dirs[GRUB] + "/" + name + "\necho kadeploy: no boot profile " + name + "\nsleep 5\nreboot\n"
}

// GRUBStart is the menu inside a GRUB that is fetched over the network: it goes on with the first stage of the site.
const GRUBStart = "configfile (tftp)/grub/grub.cfg\necho kadeploy: no menu on the TFTP server\nsleep 5\nreboot\n"

// GRUBLocalStart is the menu inside LocalProgram.
func GRUBLocalStart() string {
	return GRUBLocal() + "echo kadeploy: no boot loader on a disk\nsleep 5\nreboot\n"
}
