package lab

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The account of every BMC.
const (
	BMCUser     = "lab"
	BMCPassword = "lab"
)

// chassisProgram is what ipmi_sim calls (its chassis_control): `get NAME...` prints NAME:VALUE lines, `set NAME VALUE...` does.
// What stands before the verb is the address of the management controller.
func chassisProgram(b controller, args []string, out io.Writer) error {
	at := slices.IndexFunc(args, func(a string) bool { return a == "get" || a == "set" || a == "check" })
	if at < 0 {
		return fmt.Errorf("chassis: no verb in %q", args)
	}
	verb, names := args[at], args[at+1:]
	if verb == "get" {
		for _, name := range names {
			fmt.Fprintf(out, "%s:%s\n", name, b.get(name))
		}
		return nil
	}
	for i := 0; verb == "set" && i+1 < len(names); i += 2 {
		if err := b.set(names[i], strings.Trim(names[i+1], `"`)); err != nil {
			return err
		}
	}
	return nil
}

func (b controller) get(name string) string {
	switch {
	case name == "boot":
		return ipmiBoot(b.boot())
	case name == "power" && b.powered():
		return "1"
	}
	return "0"
}

func (b controller) set(name, value string) error {
	switch name {
	case "power":
		return b.command(map[bool]string{true: "on", false: "off"}[value == "1"], "")
	case "reset":
		return b.command("reset", "")
	case "shutdown":
		return b.command("soft", "")
	case "boot":
		return b.command("boot", strings.Replace(value, "default", "disk", 1)) // ipmi_sim's word for the disk
	}
	return nil // identify, fans and the like
}

func ipmiBoot(device string) string { return strings.Replace(device, "disk", "default", 1) }

// writeIPMI writes what ipmi_sim reads, and the program that it calls.
func (s spec) writeIPMI(self string) error {
	lan := fmt.Sprintf(`name "%s"
set_working_mc 0x20
  startlan 1
    addr %s 623
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid %s
  endlan
  chassis_control "%s"
  sol "tcp:%s" 115200
  user 2 true "%s" "%s" admin 10 none md2 md5 straight
`, s.Name, s.BMC, strings.ReplaceAll(s.UUID, "-", ""), s.path("chassis"), s.serialOverLAN(), BMCUser, BMCPassword)
	emu := "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n"
	program := fmt.Sprintf("#!/bin/sh\n%s=chassis exec %q %q \"$@\"\n", roleVariable, self, s.Dir)
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{{"lan.conf", lan, 0o600}, {"bmc.emu", emu, 0o600}, {"chassis", program, 0o700}} {
		if err := os.WriteFile(s.path(f.name), []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return os.MkdirAll(s.path("ipmi"), 0o700)
}
