// Package tree opens what machines may fetch before they run a system: regular files below one directory, whatever links are there, and
// of those only what the site names. The TFTP and the HTTP server share it.
package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strings"
	"syscall"
)

// What peers may be told. None says anything of the world outside the root.
var (
	ErrNotFound = errors.New("file not found")
	ErrNotFile  = errors.New("not a regular file")
	ErrName     = errors.New("bad file name")
)

const maxName = 512 // bytes

// Tree is the files below a directory. It may be used from any goroutine.
type Tree struct {
	root   *os.Root
	serves func(name string) bool
	log    *slog.Logger
}

// Open opens the directory. serves says whether a clean name below it may be had; nil: every one may.
func Open(dir string, serves func(name string) bool, log *slog.Logger) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the root: %w", err)
	}
	return &Tree{root: root, serves: serves, log: log}, nil
}

// Close gives the directory back; files that are open stay open.
func (t *Tree) Close() error { return t.root.Close() }

// Open opens a file for reading; its name may start with a slash, as firmware likes it to. The error is one of those above.
func (t *Tree) Open(name string) (*os.File, fs.FileInfo, error) {
	if len(name) > maxName || strings.ContainsAny(name, "\x00\\") {
		return nil, nil, ErrName
	}
	name = path.Clean(strings.TrimLeft(name, "/"))
	if !fs.ValidPath(name) || name == "." {
		return nil, nil, ErrName
	}
	if t.serves != nil && !t.serves(name) {
		t.log.Debug("netboot: asked for a file that no profile names", "file", name)
		return nil, nil, ErrNotFound
	}
	// Without O_NONBLOCK the open of a named pipe would wait until somebody writes to it.
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.log.Debug("netboot: open", "file", name, "error", err)
		return nil, nil, ErrNotFound
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		return f, info, nil
	}
	f.Close()
	return nil, nil, ErrNotFile
}
