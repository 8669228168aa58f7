package deploysystem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/process"
)

// session is a channel of an ssh connection: one command or shell (RFC 4254 6).
type session struct {
	channel ssh.Channel
	term    string
	master  *os.File // of a terminal, when one was asked for
	slave   *os.File
	started bool
}

func (s *session) serve(requests <-chan *ssh.Request) {
	for r := range requests {
		err := s.obey(r)
		if err != nil {
			fmt.Fprintf(s.channel.Stderr(), "kadeploy: %v\r\n", err)
		}
		if r.WantReply {
			r.Reply(err == nil, nil)
		}
	}
	s.hangUp()
}

// hangUp takes the terminal away, which tells the shell that its user is gone.
func (s *session) hangUp() {
	if s.master != nil {
		s.master.Close()
	}
}

func (s *session) obey(r *ssh.Request) error {
	switch r.Type {
	case "pty-req":
		var p struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}
		if err := ssh.Unmarshal(r.Payload, &p); err != nil {
			return err
		}
		s.term = p.Term
		return s.openTerminal(p.Columns, p.Rows)
	case "window-change":
		var p struct{ Columns, Rows, Width, Height uint32 }
		if err := ssh.Unmarshal(r.Payload, &p); err != nil {
			return err
		}
		return s.resize(p.Columns, p.Rows)
	case "shell":
		return s.start("/bin/sh", "-l")
	case "exec":
		var p struct{ Command string }
		if err := ssh.Unmarshal(r.Payload, &p); err != nil {
			return err
		}
		return s.start("/bin/sh", "-c", p.Command)
	case "env":
		return nil // accepted and not used
	}
	return fmt.Errorf("%s is not served here", r.Type)
}

// openTerminal gives the session a terminal.
func (s *session) openTerminal(columns, rows uint32) error {
	if s.master != nil {
		return errors.New("there is a terminal already")
	}
	var err error
	if s.master, s.slave, err = process.OpenTerminal(); err != nil {
		return err
	}
	return s.resize(columns, rows)
}

func (s *session) resize(columns, rows uint32) error {
	if s.master == nil {
		return errors.New("there is no terminal")
	}
	return process.Control(s.master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
	})
}

// start runs a program; the channel is closed when it has ended.
func (s *session) start(words ...string) error {
	if s.started {
		return errors.New("this session has had its command")
	}
	s.started = true
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = "/root"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	finish := func() {}
	if s.master != nil {
		cmd.Env = append(os.Environ(), "TERM="+s.term)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.slave, s.slave, s.slave
		cmd.SysProcAttr.Setctty = true
		go io.Copy(s.master, s.channel)
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			io.Copy(s.channel, s.master) // ends by EIO with the last process that has the terminal
		}()
		finish = func() { <-shown }
	} else {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = s.channel, s.channel.Stderr()
		go func() {
			io.Copy(stdin, s.channel)
			stdin.Close()
		}()
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if s.slave != nil {
		s.slave.Close()
	}
	go func() {
		err := cmd.Wait()
		finish()
		s.end(err)
	}()
	return nil
}

// end tells the exit code, which is 255 when there is none.
func (s *session) end(err error) {
	code := 0
	if err != nil {
		code = 255
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Exited() {
			code = exit.ExitCode()
		}
	}
	s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
	s.channel.Close()
}
