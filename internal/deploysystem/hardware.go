package deploysystem

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

const (
	loaders     = 4       // drivers that start at once: some of them wait for their hardware for long
	eventBuffer = 4 << 20 // of the kernel's news, bytes
)

// startHardware loads the modules that were asked for, then those that the hardware asks for, now and whenever something new appears: disks
// behind a controller whose driver has just come, for
// example. It returns when all hardware that was there has been asked what it is.
func (s *system) startHardware() {
	var err error
	if s.modules, err = openModules(filepath.Join(layout.Modules, release())); err != nil {
		say("%v", err)
		return
	}
	for _, name := range s.words.drivers {
		if err := s.modules.load(name); err != nil {
			say("kadeploy.drivers: %v", err)
		}
	}
	news, err := listenForHardware()
	if err != nil {
		say("new hardware will not be seen: %v", err)
	}
	wanted := make(chan string, 1024)
	for range loaders {
		s.spawn(func() {
			for modalias := range wanted {
				s.drive(modalias)
			}
		})
	}
	if err == nil {
		s.spawn(func() { s.follow(news, wanted) })
	}
	coldplug("/sys/devices", wanted)
}

// drive loads what says that it drives a piece of hardware. That nothing does is normal.
func (s *system) drive(modalias string) {
	if err := s.modules.load(modalias); err != nil && !errors.Is(err, errNoModule) {
		say("%v", err)
	}
}

// coldplug asks for drivers of all the hardware that is there.
func coldplug(dir string, wanted chan<- string) {
	filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "modalias" {
			return nil // what has gone in between is of no interest
		}
		if text, err := os.ReadFile(name); err == nil {
			if modalias := strings.TrimSpace(string(text)); modalias != "" {
				wanted <- modalias
			}
		}
		return nil
	})
}

// listenForHardware opens the socket on which the kernel tells of devices (netlink(7), NETLINK_KOBJECT_UEVENT).
func listenForHardware() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventBuffer)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// follow reads the news for ever. When some were lost, all the hardware is looked at again.
func (s *system) follow(news int, wanted chan<- string) {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(news, buf)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			coldplug("/sys/devices", wanted)
		case errors.Is(err, unix.EINTR):
		case err != nil:
			say("new hardware is not seen any more: %v", err)
			return
		default:
			if modalias := addedDevice(buf[:n]); modalias != "" {
				wanted <- modalias
			}
		}
	}
}

// addedDevice reads a message of the kernel: ACTION@PATH, then KEY=VALUE, each ended by a NUL. "" is not of a device that wants a driver.
func addedDevice(message []byte) string {
	added, modalias := false, ""
	for field := range bytes.SplitSeq(message, []byte{0}) {
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "ACTION":
			added = value == "add"
		case "MODALIAS":
			modalias = value
		}
	}
	if !added {
		return ""
	}
	return modalias
}
