package deploysystem

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

const (
	badDelay   = time.Minute      // from a boot that no agent can serve to the reboot: somebody may want to read why
	crashDelay = 10 * time.Second // from a fault of ours to the reboot
	sshdPause  = 5 * time.Second  // between the end of an ssh server and the next
)

// programs is the PATH of all that is started here.
const programs = "/usr/sbin:/usr/bin:/sbin:/bin"

// Main is the program under the names that the deployment system gives it: its process 1, modprobe, the ssh server. It returns when
// the program is none of them.
func Main(pid int, args []string) {
	switch {
	case pid == 1 && args[0] == layout.Init: // not that of a container; what the kernel does not know of its command line is in args
		start()
	case filepath.Base(args[0]) == filepath.Base(layout.Modprobe):
		os.Exit(modprobe(args[1:]))
	case filepath.Base(args[0]) == filepath.Base(layout.SSHD):
		os.Exit(sshd(":22"))
	}
}

// system is this boot.
type system struct {
	words    words
	children *children
	modules  *modules
}

// start is the life of process 1. It does not return: at its end the machine reboots.
func start() {
	command := unix.LINUX_REBOOT_CMD_RESTART
	defer func() { reboot(command) }()
	defer recovered()
	unix.Umask(0o022)
	os.Clearenv()
	os.Setenv("PATH", programs)
	os.Setenv("HOME", "/root")
	if err := mountBase(); err != nil {
		say("%v", err)
	}
	s := &system{words: readWords(), children: newChildren()}
	s.spawn(s.children.reap)
	s.spawn(s.obeySignals)
	say("kadeploy deployment system, kernel %s", release())
	command = s.run()
}

// run brings the system up, has the agent do its work, and returns when and how it is time to end (reboot(2)).
func (s *system) run() int {
	if s.words.shell {
		s.spawn(s.shells)
	}
	s.setClock()
	s.startHardware()
	boot, err := agent.ParseCmdline(s.words.line)
	var status unix.WaitStatus
	if err == nil {
		status, err = s.serve(boot)
	}
	switch {
	case err != nil:
		say("%v", err)
	case status.Signaled():
		say("the agent was killed: %v", status.Signal())
	case status.ExitStatus() == 0:
		say("a reboot was ordered")
		return unix.LINUX_REBOOT_CMD_RESTART
	case status.ExitStatus() == layout.KexecStatus:
		say("the loaded kernel starts")
		return unix.LINUX_REBOOT_CMD_KEXEC
	default:
		say("the agent has ended: its last line says why")
	}
	if err != nil && !s.words.shell {
		say("the machine reboots in %v", badDelay)
		time.Sleep(badDelay)
		return unix.LINUX_REBOOT_CMD_RESTART
	}
	say("the machine stays as it is, to be looked at; the server reboots it when it needs it, or the command reboot")
	select {}
}

// serve runs the agent once the server can be reached, and returns what it ended with. One that has lost the server does not end: its open
// marker port says what runs here.
func (s *system) serve(boot agent.Boot) (unix.WaitStatus, error) {
	server, err := netip.ParseAddrPort(boot.Server)
	if err != nil {
		return 0, err
	}
	address := s.connect(context.Background(), server, boot.Node)
	say("address %v leads to the server at %v", address, server)
	s.spawn(s.sshds)
	status, err := s.children.run(program{args: []string{layout.Init, "run", "--disks", "--stay", "--address", address.String()}})
	if err != nil {
		return 0, fmt.Errorf("the agent cannot be started: %w", err)
	}
	return status, nil
}

// sshds keeps the ssh server running. It is a process of its own: what is open to the network shall not be process 1.
func (s *system) sshds() {
	for {
		if _, err := s.children.run(program{args: []string{layout.SSHD}}); err != nil {
			say("sshd: %v", err)
		}
		time.Sleep(sshdPause)
	}
}

// spawn runs a part beside the others. A fault in it is told and ends with a reboot, not with a panic of the kernel.
func (s *system) spawn(part func()) {
	go func() {
		defer func() {
			if r := recover(); r != nil {
				crashed(r)
				reboot(unix.LINUX_REBOOT_CMD_RESTART)
			}
		}()
		part()
	}()
}

// recovered is deferred by what must go on to a reboot.
func recovered() {
	if r := recover(); r != nil {
		crashed(r)
	}
}

func crashed(r any) {
	say("a fault of the deployment system: %v\n%s", r, debug.Stack())
	say("the machine reboots in %v", crashDelay)
	time.Sleep(crashDelay)
}

// say writes a line on the console.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "kadeploy: "+format+"\n", args...)
}
