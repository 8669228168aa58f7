package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// lineScript is the file that a command line is put into: whatever the driver does to scripts, it does to this one.
const lineScript = "custom-operation.sh"

// custom does a custom operation (Kadeploy3 1.6): exec gives a line to the shell, send puts a file into a directory, run sends a
// program and runs it.
func (w *work) custom(k *agentpb.Custom) error {
	tree, err := w.loop.config.Machine.Scratch(k.Dir)
	if err != nil {
		return fmt.Errorf("custom operation: %w", err)
	}
	script := machine.Script{Dir: k.Dir, Line: lineScript, Env: k.Env}
	switch k.Kind {
	case "exec":
		text := "#!/bin/sh\n" + k.Command + "\n"
		err = place(tree, lineScript, 0o700, strings.NewReader(text), int64(len(text)))
	case "send":
		return w.send(tree, k, 0o644)
	case "run":
		script.Line = strings.TrimSpace(k.Name + " " + k.Params)
		err = w.send(tree, k, 0o700)
	default:
		err = fmt.Errorf("custom operation: unknown kind %q", k.Kind)
	}
	if err != nil {
		return err
	}
	w.output, err = w.loop.config.Machine.RunScript(w.ctx, script)
	return err
}

func (w *work) send(tree machine.Tree, k *agentpb.Custom, mode os.FileMode) error {
	if k.Name != filepath.Base(k.Name) || !filepath.IsLocal(k.Name) {
		return fmt.Errorf("custom operation: %q is no file name", k.Name)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	in, err := w.fetch(ctx, k.File, k.Size)
	if err == nil {
		err = place(tree, k.Name, mode, in, int64(min(k.Size, math.MaxInt64/2))) // budgets add to it
	}
	if err != nil {
		return fmt.Errorf("send %s to %s: %w", k.Name, k.Dir, err)
	}
	return nil
}

// place writes a file of a tree anew. The tree must have room for so many bytes before any is read; in gives no more.
func place(tree machine.Tree, name string, mode os.FileMode, in io.Reader, size int64) (err error) {
	root, err := os.OpenRoot(tree.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	if tree.Budget != nil {
		if err := tree.Budget.Take(size); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				tree.Budget.Give(size)
			}
		}()
	}
	if err := root.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil { // no half of a file stays, and what it took is free again
		return errors.Join(err, root.Remove(name))
	}
	return nil
}
