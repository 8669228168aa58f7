package linux

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// RunScript runs a script of the site or of the user with all the rights that the agent has: it is there to change the machine.
func (d *Driver) RunScript(ctx context.Context, s machine.Script) (string, error) {
	words := strings.Fields(s.Line)
	if len(words) == 0 {
		return "", errors.New("script: its name is missing")
	}
	tree, err := d.Scratch(s.Dir)
	if err != nil {
		return "", fmt.Errorf("script %s: %w", words[0], err)
	}
	file, err := script.Find(tree.Path, words[0])
	if err != nil {
		return "", fmt.Errorf("script %s: %w", words[0], err)
	}
	return script.Run(ctx, script.Config{Name: words[0], File: file, Args: words[1:], Dir: tree.Path, Env: d.translate(s.Env)})
}

// translate gives scripts the kernel's name of a disk that is written in another way: they cannot look for it, there is no udev.
func (d *Driver) translate(env map[string]string) map[string]string {
	out := make(map[string]string, len(env))
	for name, value := range env {
		out[name] = value
		disk, _ := blockdev.Split(value)
		if !strings.HasPrefix(value, "/dev/disk/") && !(blockdev.IsHint(disk) && blockdev.Check(disk) == nil) {
			continue
		}
		if b, err := d.sys.resolve(value); err == nil {
			out[name] = b.path
		}
	}
	return out
}
