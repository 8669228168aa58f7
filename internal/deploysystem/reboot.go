package deploysystem

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// partingTime is how long processes have to end by themselves.
const partingTime = 2 * time.Second

// ending is held by whoever reboots: there is one end.
var ending sync.Mutex

// reboot ends everything in order and does what the command of reboot(2) says; when that cannot be, it restarts the machine. It does not return.
func reboot(command int) {
	ending.Lock()
	unix.Sync()
	unix.Kill(-1, unix.SIGTERM)
	unix.Kill(-1, unix.SIGCONT)
	for end := time.Now().Add(partingTime); othersLive() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	unix.Kill(-1, unix.SIGKILL)
	unmountAll()
	unix.Sync()
	for {
		err := unix.Reboot(command)
		say("reboot: %v", err) // it does not come here, and must not go on
		time.Sleep(time.Second)
		command = unix.LINUX_REBOOT_CMD_RESTART
	}
}

// othersLive says whether there is a process of user space but this one. Threads of the kernel have no command line.
func othersLive() bool {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, e := range entries {
		name := e.Name()
		if name[0] < '1' || name[0] > '9' || name == "1" {
			continue
		}
		if line, err := os.ReadFile("/proc/" + name + "/cmdline"); err == nil && len(line) > 0 {
			return true
		}
	}
	return false
}

// obeySignals does what the commands reboot, poweroff and halt of busybox ask process 1 for.
func (s *system) obeySignals() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1, unix.SIGUSR2)
	command := map[os.Signal]int{
		unix.SIGTERM: unix.LINUX_REBOOT_CMD_RESTART, unix.SIGINT: unix.LINUX_REBOOT_CMD_RESTART,
		unix.SIGUSR1: unix.LINUX_REBOOT_CMD_HALT, unix.SIGUSR2: unix.LINUX_REBOOT_CMD_POWER_OFF,
	}[<-asked]
	say("asked to end by a signal")
	reboot(command)
}
