// Package script runs the executables that sites put into pre- and post-installs and partition scripts.
//
// A script is an argument vector, never a shell line. Its environment is PATH and the KADEPLOY_* variables it is given.
// It runs in a process group of its own, and the whole group is killed when its context ends, when it exits, and when
// the program that started it dies; its output's last TailSize bytes are kept. It can be held to writing below a few
// directories, whatever its rights. A script that leaves its group (setsid) outlives it: nothing here finds it.
package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/process"
)

const (
	// TailSize is how many bytes of output are kept.
	TailSize = process.TailSize
	// Path is the PATH of every script.
	Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

	// drainTime is how long output is read after the group was killed.
	drainTime = time.Second
)

// Config is one run.
type Config struct {
	Name     string            // in errors; "": the base name of File
	File     string            // absolute path of the executable
	Args     []string          // without the name
	Dir      string            // working directory
	Env      map[string]string // every name starts with KADEPLOY_
	Writable []string          // directories below which it may write; nil: wherever its user may
	Stdin    []byte            // what it reads; nil: nothing
	Stdout   func(line string) // called for each line of standard output, serially; may be nil
}

// Run runs the script to its end and returns the last of its output (valid UTF-8), also with an error. The error of a
// script that failed ends with the last line it printed.
func Run(ctx context.Context, c Config) (string, error) {
	if c.Name == "" {
		c.Name = filepath.Base(c.File)
	}
	text, err := execute(ctx, &c)
	if err != nil {
		return text, fmt.Errorf("script %s: %w", c.Name, err)
	}
	return text, nil
}

func execute(ctx context.Context, c *Config) (string, error) {
	env, err := environment(c.Env)
	if err != nil {
		return "", err
	}
	out := &output{tail: &process.Tail{}}
	if c.Stdout != nil {
		out.lines = &lines{to: c.Stdout, also: out.tail}
		defer out.lines.flush()
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, c, env, out) }()
	err = <-done
	text := out.tail.String()
	if err != nil {
		return text, explain(ctx, err, out.tail.LastLine())
	}
	return text, nil
}

// run starts and awaits the process on one thread of its own. The thread must live as long as the process, because
// Pdeathsig goes off when the starting thread dies; and when the thread was confined it must not run anything else, so
// it is never unlocked and ends with its goroutine.
func run(ctx context.Context, c *Config, env []string, out *output) error {
	runtime.LockOSThread()
	if c.Writable == nil {
		defer runtime.UnlockOSThread()
	} else if err := confine(c.Writable); err != nil {
		return err
	}
	cmd, err := start(ctx, c, env, out)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	process.AwaitExit(cmd.Process.Pid)
	stop()
	// The leader is dead but not yet reaped, so its number still names its group and nothing else.
	unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it exited 0; a process that left the group still holds its output
	}
	return err
}

// start starts the process. A script that was written a moment ago may be "busy": another thread that started a
// program at that time holds a copy of the writer's handle until its exec. That passes within milliseconds.
func start(ctx context.Context, c *Config, env []string, out *output) (*exec.Cmd, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		cmd := exec.Command(c.File, c.Args...)
		cmd.Dir, cmd.Env = c.Dir, env
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		cmd.WaitDelay = drainTime
		cmd.Stdout, cmd.Stderr = out.stdout(), out.tail
		if c.Stdin != nil {
			cmd.Stdin = bytes.NewReader(c.Stdin)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if !errors.Is(err, unix.ETXTBSY) || wait > time.Second {
			return nil, err
		}
		time.Sleep(wait)
	}
}

func environment(vars map[string]string) ([]string, error) {
	env := []string{"PATH=" + Path}
	for name, value := range vars {
		if !strings.HasPrefix(name, "KADEPLOY_") || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return nil, fmt.Errorf("variable %q: names start with KADEPLOY_, names and values hold no zero byte", name)
		}
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env, nil
}

// explain turns the error of a process into one line.
func explain(ctx context.Context, err error, lastLine string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("killed: %w", context.Cause(ctx))
	}
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return errors.New("it is no program for this machine; does its first line name its interpreter (#!/bin/sh)?")
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: it must be executable", err)
	}
	if lastLine != "" {
		return fmt.Errorf("%w: %s", err, lastLine)
	}
	return err
}
