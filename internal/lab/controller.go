package lab

import (
	"fmt"
	"os"
	"time"
)

// controller is the chassis as its BMC shows it, with the BMC's fault.
type controller struct{ chassis }

// command does one of on, off, reset, cycle, soft and boot DEVICE.
func (b controller) command(what, device string) error {
	switch f := b.fault(); {
	case f == Refuse, f == RefuseReset && what == "reset":
		b.note(what, "refused")
		return errRefused
	case f == Lie:
		if what == "on" || what == "off" {
			os.WriteFile(b.path("claimed"), []byte(what), 0o600)
		}
		return b.note(what, "claimed, not done")
	}
	switch what {
	case "on":
		return b.on()
	case "off":
		return b.off()
	case "reset":
		return b.reset()
	case "soft":
		return b.soft()
	case "boot":
		return b.setBoot(device)
	case "cycle":
		if err := b.off(); err != nil {
			return err
		}
		time.Sleep(time.Second) // as ipmi_sim does it: power supplies want to be empty
		return b.on()
	}
	return fmt.Errorf("no command %q of a chassis", what)
}

// powered is what the BMC says of the machine.
func (b controller) powered() bool {
	if b.fault() == Lie {
		if claimed, err := os.ReadFile(b.path("claimed")); err == nil {
			return string(claimed) == "on"
		}
	}
	return b.power()
}
