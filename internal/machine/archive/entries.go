package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// again makes an entry with create; when the name is taken, what has it is removed first (GNU tar replaces, too).
func (x *extractor) again(parent int, base string, create func() error) error {
	err := create()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := x.remove(parent, base); err != nil {
		return err
	}
	return create()
}

func (x *extractor) remove(parent int, base string) error {
	if x.o.Budget != nil {
		x.writer.flush() // what a file holds is known when all of it was written
	}
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	flags := 0
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		flags = unix.AT_REMOVEDIR
		x.parents.stale = true
	case unix.S_IFLNK:
		x.parents.stale = true
	case unix.S_IFREG:
		if st.Nlink == 1 {
			x.give(min(st.Size, st.Blocks*512))
		}
	}
	if err := unix.Unlinkat(parent, base, flags); err != nil {
		return fmt.Errorf("replace what is there: %w", err)
	}
	x.give(EntryCost)
	return nil
}

func (x *extractor) symlink(parent int, base string, h *tar.Header) error {
	if h.Linkname == "" {
		return &RefusedError{h.Name, "a link to nothing"}
	}
	if err := x.again(parent, base, func() error { return unix.Symlinkat(h.Linkname, parent, base) }); err != nil {
		return err
	}
	if x.o.Owners {
		if err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("owner: %w", err)
		}
	}
	x.describeAt(parent, base, h)
	return setTime(parent, base, h.ModTime)
}

func (x *extractor) link(parent int, base string, h *tar.Header) error {
	if path.IsAbs(h.Linkname) {
		return &RefusedError{h.Name, fmt.Sprintf("a hard link to the absolute path %q", h.Linkname)}
	}
	target, err := local(h.Name, h.Linkname)
	if err != nil {
		return &RefusedError{h.Name, fmt.Sprintf("a hard link to %q, which leaves the target", h.Linkname)}
	}
	// The handle of the member's own directory must outlive the opening of the other one.
	own, err := unix.FcntlInt(uintptr(parent), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(own)
	dir, name := path.Split(target)
	from, err := x.parents.get(path.Clean(dir))
	if err != nil {
		return x.explain(h.Name, path.Clean(dir), err)
	}
	if same(from, name, own, base) {
		return nil
	}
	err = x.again(own, base, func() error { return unix.Linkat(from, name, own, base, 0) })
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	return nil
}

// same says whether both names exist and are one file already.
func same(dir1 int, name1 string, dir2 int, name2 string) bool {
	var a, b unix.Stat_t
	return unix.Fstatat(dir1, name1, &a, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		unix.Fstatat(dir2, name2, &b, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

func (x *extractor) device(parent int, base string, h *tar.Header) error {
	mode := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
	switch {
	case x.o.Devices == RefuseDevices:
		return &RefusedError{h.Name, "device nodes and fifos are not allowed here"}
	case x.o.Devices == SkipDevices && h.Typeflag != tar.TypeFifo:
		x.stats.Skipped++
		return nil
	}
	dev := 0
	if h.Typeflag != tar.TypeFifo {
		dev = int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
	}
	err := x.again(parent, base, func() error { return unix.Mknodat(parent, base, mode|0o600, dev) })
	if err != nil {
		return err
	}
	if x.o.Owners {
		if err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("owner: %w", err)
		}
	}
	// The node was made a moment ago and nobody else writes here: there is no link to follow.
	if err := unix.Fchmodat(parent, base, uint32(h.Mode)&0o7777, 0); err != nil {
		return fmt.Errorf("mode: %w", err)
	}
	x.describeAt(parent, base, h)
	return setTime(parent, base, h.ModTime)
}

// describeAt sets the extended attributes of what cannot be opened for that: links, devices and fifos.
func (x *extractor) describeAt(parent int, base string, h *tar.Header) {
	at := fmt.Sprintf("/proc/self/fd/%d/%s", parent, base)
	x.stats.Skipped += setAttributes(h, x.o.Owners, func(name string, value []byte) error { return unix.Lsetxattr(at, name, value, 0) })
}
