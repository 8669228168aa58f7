package deploysystem

import (
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// partingTime is how long processes have to end by themselves.
const partingTime = 2 * time.Second

// ending is held by whoever reboots: there is one end.
var ending sync.Mutex

// reboot ends everything in order and restarts the machine, or does what else the command says (reboot(2)). A kernel that was loaded for it is
// started instead of a restart. It does not return.
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
	if loaded, err := os.ReadFile("/sys/kernel/kexec_loaded"); err == nil && strings.TrimSpace(string(loaded)) == "1" && command == unix.LINUX_REBOOT_CMD_RESTART {
		say("the loaded kernel starts")
		err := unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC)
		say("kexec: %v", err)
	}
	for {
		err := unix.Reboot(command)
		say("reboot: %v", err) // it does not come here, and must not go on
		time.Sleep(crashDelay)
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
