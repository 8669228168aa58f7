package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
		err = place(tree, lineScript, 0o700, strings.NewReader("#!/bin/sh\n"+k.Command+"\n"))
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
		err = place(tree, k.Name, mode, in)
	}
	if err != nil {
		return fmt.Errorf("send %s to %s: %w", k.Name, k.Dir, err)
	}
	return nil
}

// place writes a file of a tree anew, within what the tree may take.
func place(tree machine.Tree, name string, mode os.FileMode, in io.Reader) error {
	root, err := os.OpenRoot(tree.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := io.ReadAll(in) // its size is bounded by the server, and by the order
	if err == nil && tree.Budget != nil {
		err = tree.Budget.Take(int64(len(text)))
	}
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(text))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
