package pxe

import (
	"errors"
	"fmt"
	"strings"
)

// check refuses what Render could not say in one line each, and what would be read back as something else.
func (p Profile) check() error {
	if err := checkHeader(p.Header); err != nil {
		return err
	}
	switch p.Kind {
	case Kernel, Xen:
		return p.checkKernel()
	case LocalBoot:
		if p.Drive < -1 || p.Drive > 0xff {
			return fmt.Errorf("boot profile: LOCALBOOT type %d is not between -1 and 255", p.Drive)
		}
		return nil
	case Chainload:
		if p.Disk < 0 || p.Disk > 127 || p.Partition < 0 || p.Partition > 255 {
			return fmt.Errorf("boot profile: disk %d partition %d is out of chain.c32's range", p.Disk, p.Partition)
		}
		return nil
	}
	return fmt.Errorf("boot profile: unknown kind %d", p.Kind)
}

func (p Profile) checkKernel() error {
	if err := checkPath("kernel", p.Kernel); err != nil {
		return err
	}
	if isModule(p.Kernel) {
		return fmt.Errorf("boot profile: kernel %q is a module of the loader, not a kernel", p.Kernel)
	}
	if len(p.Initrds) > maxInitrds || p.Kind == Xen && len(p.Initrds) > 1 {
		return fmt.Errorf("boot profile: %d initrds are too many", len(p.Initrds))
	}
	for _, f := range p.Initrds {
		if err := checkPath("initrd", f); err != nil {
			return err
		}
	}
	if err := checkArgs("kernel parameters", p.Args); err != nil {
		return err
	}
	if n := len(p.commandLine()); n > maxArgs {
		return fmt.Errorf("boot profile: the kernel's command line is %d bytes, a kernel keeps %d", n, maxArgs)
	}
	if p.Kind == Xen {
		if err := checkPath("hypervisor", p.Hypervisor); err != nil {
			return err
		}
		return checkArgs("hypervisor parameters", p.HypervisorArgs)
	}
	return nil
}

// checkPath accepts a file name that is one word of the language and cannot be read as a list of initrds.
func checkPath(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("boot profile: no %s", what)
	case len(name) > maxName:
		return fmt.Errorf("boot profile: the name of the %s is longer than %d bytes", what, maxName)
	case name[0] == '-' || name[0] == '#':
		return fmt.Errorf("boot profile: %s %q starts with %q", what, name, name[0])
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ',' {
			return fmt.Errorf("boot profile: %s %q holds %q, which a boot profile cannot name", what, name, c)
		}
	}
	return nil
}

func checkArgs(what, s string) error {
	if i := strings.IndexFunc(s, control); i >= 0 {
		return fmt.Errorf("boot profile: %s hold the control character %q", what, s[i])
	}
	if len(s) > maxArgs {
		return fmt.Errorf("boot profile: %s are %d bytes, at most %d fit", what, len(s), maxArgs)
	}
	for word := range strings.FieldsSeq(s) {
		switch {
		case word == "---":
			return fmt.Errorf("boot profile: %s hold %q, which separates modules", what, word)
		case strings.HasPrefix(word, "initrd="):
			return fmt.Errorf("boot profile: %s hold %q: name initrds as such, not as a parameter", what, word)
		}
	}
	if strings.TrimSpace(s) == "-" {
		return fmt.Errorf("boot profile: %s are %q, which means none to the loader: leave them empty", what, "-")
	}
	return nil
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// checkHeader lets the site set the loader up (prompt, serial line, menu colours), never choose what is booted.
func checkHeader(h string) error {
	if len(h) > maxHeader {
		return fmt.Errorf("boot profile: the header is longer than %d bytes", maxHeader)
	}
	if strings.ContainsFunc(h, func(r rune) bool { return control(r) && r != '\n' }) {
		return errors.New("boot profile: the header holds a control character")
	}
	for line := range strings.Lines(h) {
		word, _ := keyword(line)
		switch word {
		case "default", "label", "kernel", "linux", "com32", "boot", "bss", "pxe", "fdimage", "comboot", "config",
			"append", "initrd", "localboot", "ui", "ontimeout", "onerror", "include", "menu":
			return fmt.Errorf("boot profile: the header may not say %q: what is booted is the server's decision", strings.TrimSpace(line))
		}
	}
	return nil
}
