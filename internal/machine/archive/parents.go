package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxParents bounds the open directory handles.
const maxParents = 64

// parents keeps the directories that members were put into last. os.Root resolves each of them once, with all its
// guarantees; below the handle everything is done by base name, without following links.
type parents struct {
	root  *os.Root
	open  map[string]*os.File
	fifo  []string
	stale bool // a link or a directory was removed: names may mean something else from the next get on
}

func (p *parents) init(root *os.Root) {
	p.root = root
	p.open = make(map[string]*os.File, maxParents)
}

func (p *parents) clear() {
	for _, f := range p.open {
		f.Close()
	}
	clear(p.open)
	p.fifo = p.fifo[:0]
	p.stale = false
}

// get opens dir, which may be reached through links that stay in the root. The handle is valid until the next call.
// O_DIRECTORY keeps the open from blocking on a fifo or waking up a device.
func (p *parents) get(dir string) (int, error) {
	if p.stale {
		p.clear()
	}
	if f, ok := p.open[dir]; ok {
		return int(f.Fd()), nil
	}
	f, err := p.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if len(p.fifo) == maxParents {
		p.open[p.fifo[0]].Close()
		delete(p.open, p.fifo[0])
		p.fifo = append(p.fifo[:0], p.fifo[1:]...)
	}
	p.open[dir] = f
	p.fifo = append(p.fifo, dir)
	return int(f.Fd()), nil
}

// parent opens the directory of a member and makes it when the archive did not.
func (x *extractor) parent(member, dir string) (int, error) {
	dir = path.Clean(dir)
	fd, err := x.parents.get(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = x.take(EntryCost); err != nil {
			return -1, err
		}
		if err = x.root.MkdirAll(dir, 0o755); err == nil {
			fd, err = x.parents.get(dir)
		}
	}
	if err != nil {
		return -1, x.explain(member, dir, err)
	}
	return fd, nil
}

// explain names the link that leads out of the target, which os.Root's error does not.
func (x *extractor) explain(member, dir string, err error) error {
	if !strings.Contains(err.Error(), "escapes") {
		return fmt.Errorf("its directory: %w", err)
	}
	for i := 0; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		if to, lerr := x.root.Readlink(dir[:i]); lerr == nil {
			return &RefusedError{member, fmt.Sprintf("its directory %q is a link to %q, which leads out of the target", dir[:i], to)}
		}
	}
	return &RefusedError{member, "its directory leads out of the target"}
}
