package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// roleVariable tells this program, started by the lab, which part to play.
const roleVariable = "KADEPLOY_LAB_ROLE"

// PlayRole must be called first by every program that makes a Lab. When this process is one that a lab has started, the
// chassis program of an IPMI BMC, a Redfish BMC, a power button, a serial cable or the lab's watcher, it plays that part and exits.
func PlayRole() {
	role := os.Getenv(roleVariable)
	if role == "" {
		return
	}
	if err := play(role, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(role string, args []string) error {
	// What we start shall hold nothing of what we were given: ipmi_sim reads our output to its end, and its socket must die with it.
	if err := unix.CloseRange(3, ^uint(0)>>33, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close inherited files at exec: %w", err)
	}
	if role == "watch" && len(args) == 2 {
		return removeAfter(args[0], args[1])
	}
	if len(args) == 0 {
		return fmt.Errorf("role %s: no directory of a machine", role)
	}
	s, err := loadSpec(args[0])
	if err != nil {
		return err
	}
	switch role {
	case "chassis":
		return chassisProgram(controller{chassis{s, "ipmi"}}, args[1:], os.Stdout)
	case "on":
		return chassis{s, "lab"}.on()
	case "cable":
		return serveCable(s)
	case "redfish":
		return serveRedfish(controller{chassis{s, "redfish"}})
	}
	return fmt.Errorf("no role %q", role)
}
