package loaders

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/outfile"
	"github.com/kadeploy/kadeploy/pxe"
)

// Config of an installation.
type Config struct {
	Root   string // the TFTP root; made when missing
	System string // where Debian's packages are; / when ""
	DryRun bool   // nothing is changed
}

// State is what became of a file.
type State string

// The states: a file is the same already, is put there, or cannot be, for want of a package or because of an error.
const (
	Kept      State = "kept"
	Installed State = "installed" // of a dry run: would be
	Missing   State = "missing"
	Failed    State = "failed"
)

// Item is one file of the report.
type Item struct {
	Name    string // below the root
	State   State
	Size    int // bytes; 0 when missing
	Package string
	For     pxe.Loader // the machines that need it: language and firmware
	From    string     // file that was copied, or the program that made it
	Err     error      // of Failed
}

// Install puts every loader whose package is there below the root, and reports on all of them. Each file appears whole. The error is that
// nothing could be done at all.
func Install(ctx context.Context, c Config) ([]Item, error) {
	c.System = cmp.Or(c.System, "/")
	if !c.DryRun {
		if err := os.MkdirAll(c.Root, 0o755); err != nil {
			return nil, fmt.Errorf("make the TFTP root: %w", err)
		}
	}
	items := make([]Item, len(table))
	for i := range table {
		items[i] = table[i].install(ctx, c)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return items, nil
}

func (l *loader) install(ctx context.Context, c Config) Item {
	item := Item{Name: l.name, Package: l.pkg, For: pxe.Loader{Language: l.language, Firmware: l.firmware}, State: Installed}
	content, from, err := l.content(ctx, c.System)
	switch item.From, item.Size = from, len(content); {
	case errors.Is(err, fs.ErrNotExist):
		item.State = Missing
		return item
	case err == nil && sameAs(filepath.Join(c.Root, l.name), content):
		item.State = Kept
		return item
	case err == nil && !c.DryRun:
		err = put(filepath.Join(c.Root, l.name), content)
	}
	if err != nil {
		item.State, item.Err = Failed, err
	}
	return item
}

// content is the file as it should be, and where it comes from. fs.ErrNotExist: its package is not installed.
func (l *loader) content(ctx context.Context, system string) ([]byte, string, error) {
	if l.grub != nil {
		if _, err := os.Stat(l.grub.modulesBelow(system)); err != nil {
			return nil, "", err
		}
		content, err := l.grub.make(ctx, system)
		return content, "grub-mkimage", err
	}
	var last error
	for _, source := range l.sources {
		path := filepath.Join(system, source)
		content, err := os.ReadFile(path)
		if err == nil {
			return content, path, nil
		}
		last = err
	}
	return nil, "", last
}

func sameAs(path string, content []byte) bool {
	old, err := os.ReadFile(path)
	return err == nil && bytes.Equal(old, content)
}

func put(path string, content []byte) error {
	place, err := outfile.Find(path)
	if err != nil {
		return err
	}
	draft, err := place.Create()
	if err != nil {
		return err
	}
	defer draft.Discard()
	if _, err := draft.Write(content); err != nil {
		return err
	}
	return draft.Commit(true)
}
