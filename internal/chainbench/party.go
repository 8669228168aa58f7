package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// party is the processes of one host, or of the head: a pipeline that runs.
type party struct {
	processes []*exec.Cmd
	ended     chan struct{} // closed once all have ended; then at is set
	at        time.Time
}

// begin starts the pipeline at the site. What its programs say goes to the log.
func begin(ctx context.Context, s site, line pipeline, env []string, log string) (*party, error) {
	said, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	var cmds []*exec.Cmd
	for i, words := range line {
		cmd := s.command(ctx, words[0], words[1:]...)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdout, cmd.Stderr = said, said
		if i > 0 {
			r, w, err := os.Pipe()
			if err != nil {
				return nil, err
			}
			defer r.Close()
			defer w.Close()
			cmds[i-1].Stdout, cmd.Stdin = w, r
		}
		cmds = append(cmds, cmd)
	}
	y := &party{ended: make(chan struct{})}
	defer func() { go y.wait() }()
	for i, cmd := range cmds {
		if err := cmd.Start(); err != nil {
			y.kill()
			return nil, fmt.Errorf("%s: %s: %w", s.name, strings.Join(line[i], " "), err)
		}
		y.processes = append(y.processes, cmd)
	}
	return y, nil
}

func (y *party) wait() {
	for _, c := range y.processes {
		c.Wait() // how it ended does not matter: the file does
	}
	y.at = time.Now()
	close(y.ended)
}

func (y *party) signal(sig syscall.Signal) {
	for _, c := range y.processes {
		c.Process.Signal(sig) // one that has ended needs none
	}
}

func (y *party) kill() { y.signal(syscall.SIGKILL) }

// cpu is the time that the processes spent, in user mode and in the kernel, once they have ended.
func (y *party) cpu() (sum time.Duration) {
	for _, c := range y.processes {
		sum += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return sum
}

// received is the number of bytes that have come over eth0 of the namespace that the processes are in.
func (y *party) received() int64 {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", y.processes[0].Process.Pid))
	if err != nil {
		return 0
	}
	_, counters, _ := strings.Cut(string(table), "eth0:")
	var bytes int64
	fmt.Sscan(counters, &bytes)
	return bytes
}
