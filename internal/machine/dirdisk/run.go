package dirdisk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// RunScript runs a script that was unpacked in a Scratch directory or a mounted one. Arguments and variables that name
// such a directory, or something below one, name its real path.
func (d *Disk) RunScript(ctx context.Context, s machine.Script) (string, error) {
	words := strings.Fields(s.Line)
	if len(words) == 0 {
		return "", errors.New("script: its name is missing")
	}
	dir, ok := d.real(s.Dir)
	if !ok {
		return "", fmt.Errorf("script %s: %s is neither mounted nor in memory", words[0], s.Dir)
	}
	file, err := script.Find(dir, words[0])
	if err != nil {
		return "", fmt.Errorf("script %s: %w", words[0], err)
	}
	args := words[1:]
	for i := range args {
		args[i] = d.translate(args[i])
	}
	env := maps.Clone(s.Env)
	for name, value := range env {
		env[name] = d.translate(value)
	}
	output, err := script.Run(ctx, script.Config{
		Name: words[0], File: file, Args: args, Dir: dir, Env: env, Writable: []string{d.root},
	})
	if err == nil {
		err = d.capacity.recount()
	}
	return output, err
}

// translate gives the real path of a directory of the sandbox, anything else unchanged.
func (d *Disk) translate(value string) string {
	if real, ok := d.real(value); ok {
		return real
	}
	return value
}

// real is purely by name: what it names need not exist.
func (d *Disk) real(dir string) (string, bool) {
	if !path.IsAbs(dir) {
		return "", false
	}
	dir = path.Clean(dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, number, ok := d.mounted(dir); ok {
		return filepath.Join(d.content(number), strings.TrimPrefix(dir, at)), true
	}
	if !d.booted {
		return "", false
	}
	// The first component tells: /rambin is in memory when something was unpacked there.
	first, _, _ := strings.Cut(dir[1:], "/")
	if first == "" {
		return "", false
	}
	if _, err := os.Lstat(filepath.Join(d.ram(), first)); err != nil {
		return "", false
	}
	return filepath.Join(d.ram(), dir), true
}
