package torture

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// mark is in the environment of every program of a run: by it those are found that were left behind.
const mark = "KADEPLOY_TORTURE"

// program is a process under way. What it says on its standard error is kept in a file.
type program struct {
	name  string
	cmd   *exec.Cmd
	said  string // path of its standard error
	began time.Time
	ended time.Time     // after done
	done  chan struct{} // closed when it has ended and its number is free
}

// start runs a program in a process group of its own, with the files given as its standard input and output.
func (r *run) start(name string, cmd *exec.Cmd, stdin, stdout *os.File) (*program, error) {
	p := &program{name: name, cmd: cmd, said: filepath.Join(r.dir, name+".stderr"), done: make(chan struct{})}
	stderr, err := os.Create(p.said)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.Env = append(os.Environ(), mark+"="+r.id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.began = time.Now()
	r.log("%s is started, process %d", name, cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // the state says it all
		p.ended = time.Now()
		r.log("%s has ended: %v", name, cmd.ProcessState)
		close(p.done)
	}()
	return p, nil
}

// signal reports whether the program was there to get it.
func (p *program) signal(s syscall.Signal) bool { return p.cmd.Process.Signal(s) == nil }

func (p *program) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// says reports whether a text is on its standard error by now.
func (p *program) says(text string) bool {
	said, err := os.ReadFile(p.said)
	return err == nil && bytes.Contains(said, []byte(text))
}

// finish waits for the end of a program until a deadline, then has it say where it hangs, and kills it. When ctx ends it kills it at once.
func (p *program) finish(ctx context.Context, deadline time.Time) (overdue bool) {
	late := time.After(time.Until(deadline))
	if p.over() { // before a deadline that is over by the time we look
		return false
	}
	select {
	case <-p.done:
		return false
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.done
		return false
	case <-late:
	}
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGQUIT) // a Go program writes the stacks of its goroutines
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	return true
}

// ending tells how it went, once it is over.
func (p *program) ending(zero time.Time, overdue bool) Ending {
	said, _ := os.ReadFile(p.said)
	return Ending{Began: p.began.Sub(zero), Ended: p.ended.Sub(zero), Code: p.cmd.ProcessState.ExitCode(), Overdue: overdue, Stderr: string(said)}
}

// left lists the programs of a run that still are there.
func left(id string) (all []string) {
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range entries {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(mark+"="+id+"\x00")) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		all = append(all, fmt.Sprintf("%s: %s", filepath.Base(filepath.Dir(path)), bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return all
}
