package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Fault is what is wrong with a BMC.
type Fault string

// The faults of a BMC.
const (
	Healthy Fault = ""
	Mute    Fault = "mute"   // takes packets and never answers
	Down    Fault = "down"   // is not there
	Lie     Fault = "lie"    // says that all is done, and does nothing
	Refuse  Fault = "refuse" // says that it cannot

	RefuseReset Fault = "refuse reset" // cannot reset, and does the rest
)

var errRefused = errors.New("the chassis refuses")

// chassis switches one machine. Several processes may do so at once: each operation takes the lock in its directory.
type chassis struct {
	spec
	via string // who asks, for the log: ipmi, redfish or lab
}

// on starts the machine; one that runs is left alone. A boot device set for once is used up.
func (c chassis) on() error {
	return c.locked("on", func() error {
		if c.pid() != 0 {
			return nil
		}
		once := c.takeBoot()
		line := c.qemu(c.firmwareOrder(once))
		out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("start machine %s: %w: %s", c.Name, err, strings.TrimSpace(string(out)))
		}
		return c.backToDefault(once)
	})
}

// off cuts the power.
func (c chassis) off() error {
	return c.locked("off", func() error {
		pid := c.pid()
		if pid == 0 {
			return nil
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stop machine %s: %w", c.Name, err)
		}
		for start := time.Now(); c.pid() != 0; time.Sleep(5 * time.Millisecond) {
			if time.Since(start) > qmpPatience {
				return fmt.Errorf("machine %s: process %d does not end", c.Name, pid)
			}
		}
		return nil
	})
}

// reset pulls the reset line; a machine that is off stays off, which is no error.
func (c chassis) reset() error {
	return c.locked("reset", func() error {
		if c.pid() == 0 {
			return nil
		}
		once := c.takeBoot()
		q, err := dialQMP(c.path("qmp.sock"))
		if err != nil {
			return err
		}
		err = errors.Join(q.order(c.firmwareOrder(once)), q.do("system_reset", nil), q.close())
		if err != nil {
			return err
		}
		return c.backToDefault(once)
	})
}

// soft presses the power button.
func (c chassis) soft() error { return c.monitor("soft", "system_powerdown", nil) }

func (c chassis) freeze() error { return c.monitor("freeze", "stop", nil) }
func (c chassis) thaw() error   { return c.monitor("thaw", "cont", nil) }

func (c chassis) monitor(word, command string, arguments any) error {
	return c.locked(word, func() error {
		if c.pid() == 0 {
			return nil
		}
		q, err := dialQMP(c.path("qmp.sock"))
		if err != nil {
			return err
		}
		return errors.Join(q.do(command, arguments), q.close())
	})
}

// setBoot chooses the device of the next start only: pxe, disk, or none for the usual order.
func (c chassis) setBoot(device string) error {
	return c.locked("boot "+device, func() error { return os.WriteFile(c.path("boot"), []byte(device), 0o600) })
}

// boot is what was set; none when nothing was, or it is used up.
func (c chassis) boot() string {
	device, err := os.ReadFile(c.path("boot"))
	if err != nil {
		return "none"
	}
	return string(device)
}

func (c chassis) takeBoot() string {
	device := c.boot()
	os.Remove(c.path("boot"))
	return device
}

// firmwareOrder is what the firmware tries when the BMC was told a device, or none.
func (c chassis) firmwareOrder(device string) order {
	if device == "disk" || c.DiskFirst && device != "pxe" {
		return diskFirst
	}
	return networkFirst
}

// backToDefault undoes a boot device for once, when the firmware has read it: a reboot by the system itself uses the default.
func (c chassis) backToDefault(once string) error {
	usual := c.firmwareOrder("none")
	if c.firmwareOrder(once) == usual {
		return nil
	}
	time.Sleep(300 * time.Millisecond) // the order is read at the reset itself, which the monitor does not report as done
	q, err := dialQMP(c.path("qmp.sock"))
	if err != nil {
		return err
	}
	return errors.Join(q.order(usual), q.close())
}

func (c chassis) power() bool { return c.pid() != 0 }

// pid is the machine's process, 0 when there is none. A number that has come round again belongs to no program with this directory in
// its command line; one that has ended and was not waited for has no command line.
func (c chassis) pid() int {
	text, err := os.ReadFile(c.path("qemu.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), c.path("qmp.sock")) {
		return 0
	}
	return pid
}

// locked does one thing at a time, and writes down that it was asked for, and how it ended.
func (c chassis) locked(what string, do func() error) error {
	lock, err := os.OpenFile(c.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock machine %s: %w", c.Name, err)
	}
	err = do()
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	return errors.Join(err, c.note(what, outcome))
}

func (c chassis) note(what, outcome string) error {
	log, err := os.OpenFile(c.path("chassis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(log, "%s %s %s: %s\n", time.Now().UTC().Format("15:04:05.000"), c.via, what, outcome)
	return errors.Join(err, log.Close())
}

func (c chassis) fault() Fault {
	text, err := os.ReadFile(c.path("fault"))
	if errors.Is(err, fs.ErrNotExist) {
		return Healthy
	}
	return Fault(text)
}
