package deploysystem

import (
	"os"
	"strings"
	"syscall"
	"time"
)

// shells keeps a shell on the console.
func (s *system) shells() {
	for {
		if err := s.shell(); err != nil {
			say("shell on the console: %v", err)
		}
		time.Sleep(time.Second)
	}
}

func (s *system) shell() error {
	tty, err := os.OpenFile("/dev/"+consoleName(), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	_, err = s.children.run(program{
		args:  []string{"/bin/sh", "-l"},
		files: []*os.File{tty, tty, tty},
		env:   []string{"TERM=linux"},
		sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true},
	})
	return err
}

// consoleName is the terminal that /dev/console is, which itself cannot be the terminal of a session.
func consoleName() string {
	active, err := os.ReadFile("/sys/class/tty/console/active")
	names := strings.Fields(string(active))
	if err != nil || len(names) == 0 {
		return "console"
	}
	return names[len(names)-1]
}
