package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// directory is what a directory becomes at the end: until then it must be writable, and its time changes with every
// member put into it.
type directory struct {
	name   string
	header *tar.Header
}

func (x *extractor) directory(parent int, base, name string, h *tar.Header) error {
	err := unix.Mkdirat(parent, base, 0o700)
	if errors.Is(err, unix.EEXIST) {
		err = x.reuse(parent, base)
	}
	if err != nil {
		return err
	}
	return x.remember(name, h)
}

// reuse keeps a directory that is there, and puts one in the place of anything else, a link to a directory too.
func (x *extractor) reuse(parent int, base string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return x.keep(parent, base, st.Mode&0o7777|0o700)
	}
	if err := x.remove(parent, base); err != nil {
		return err
	}
	return unix.Mkdirat(parent, base, 0o700)
}

// keep makes a directory that is there writable, and has what is made in it inherit nothing: another try gives it its ACLs again.
func (x *extractor) keep(parent int, base string, mode uint32) error {
	if err := unix.Fchmodat(parent, base, mode, 0); err != nil || !x.o.Owners {
		return err
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	removeACLs(fd)
	return nil
}

// keepTarget does so with the target itself.
func (x *extractor) keepTarget() error {
	if !x.o.Owners {
		return nil
	}
	fd, err := x.parents.get(".")
	if err == nil {
		removeACLs(fd)
	}
	return err
}

// remember notes how a directory is to be in the end; of several members with its name the last one counts.
func (x *extractor) remember(name string, h *tar.Header) error {
	if i, ok := x.index[name]; ok {
		x.dirs[i].header = h
		return nil
	}
	if len(x.dirs) == maxDirs {
		return fmt.Errorf("more than %d directories", maxDirs)
	}
	x.index[name] = len(x.dirs)
	x.dirs = append(x.dirs, directory{name: name, header: h})
	return nil
}

// finishDirs sets modes, owners, attributes and times of the directories, children before their parents.
func (x *extractor) finishDirs() error {
	x.parents.clear()
	slices.SortFunc(x.dirs, func(a, b directory) int { return childrenFirst(a.name, b.name) })
	for _, d := range x.dirs {
		if err := x.finishDir(d); err != nil {
			return fmt.Errorf("finish the directory %q: %w", d.name, err)
		}
	}
	return nil
}

func (x *extractor) finishDir(d directory) error {
	dir, base := path.Split(d.name)
	parent, err := x.parents.get(path.Clean(dir))
	if err != nil {
		return err
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) {
		return nil // a later member took its place
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	skipped, err := describe(fd, d.header, x.o.Owners)
	if err != nil {
		return err
	}
	x.stats.Skipped += skipped
	return setTime(parent, base, d.header.ModTime)
}

// childrenFirst orders names so that a directory comes after all below it, the target itself last.
func childrenFirst(a, b string) int {
	switch {
	case a == ".":
		return 1
	case b == ".":
		return -1
	}
	return strings.Compare(b, a)
}
