// Package archive unpacks tar archives into a directory, and never outside it.
//
// It restores modes (setuid too), hard and symbolic links, long names, sparse files, times with their nanoseconds and the
// extended attributes of users; and where the caller allows owners, these, POSIX ACLs, SELinux labels, file capabilities
// and trusted attributes. A later member replaces an earlier one of the same name, as GNU tar does. What would leave the
// directory, and devices that the caller did not allow, are refused by name: *RefusedError.
//
// Not restored, but counted in Stats.Skipped: attributes that the file system or our rights do not allow, and ACLs with
// names instead of numbers (what GNU tar writes with --acls; among --xattrs it has the numbers). Decompression is the caller's.
package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

const (
	// EntryCost is what each member takes from the budget beside its data: an inode.
	EntryCost = 256

	// maxDirs bounds the memory that is kept for the directories until the end.
	maxDirs = 1 << 20
)

// ErrEmpty says that the stream held no member at all.
var ErrEmpty = errors.New("the archive is empty")

// Budget counts what is written. Take fails when n more bytes do not fit (with syscall.ENOSPC in its chain); Give
// returns what a replaced file held.
type Budget interface {
	Take(n int64) error
	Give(n int64)
}

// Options says where and how an archive is unpacked.
type Options struct {
	Dir      string      // exists
	Owners   bool        // restore owners and what only root may set; the caller is root
	Devices  Devices     // what to do with device nodes and fifos
	Budget   Budget      // nil: no limit
	Progress func(int64) // content bytes taken from the archive so far, called by Extract's goroutine; may be nil
}

// Devices says what becomes of the device nodes and fifos of an archive.
type Devices int

// The choices.
const (
	RefuseDevices Devices = iota // the archive is refused
	SkipDevices                  // fifos are made, device nodes are left out and counted
	MakeDevices                  // all are made; the caller is root
)

// Stats says what was done.
type Stats struct {
	Entries int   // members
	Bytes   int64 // of content, holes of sparse files included
	Skipped int   // extended attributes, ACLs, labels and, with SkipDevices, device nodes that were not restored
}

// RefusedError names the member that was not unpacked, and why.
type RefusedError struct{ Member, Why string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("archive member %q refused: %s", e.Member, e.Why)
}

// Extract unpacks the tar stream r. It stops at the first error, which names the member, and as soon as ctx ends, unless
// r blocks. What was unpacked until then stays; unpacking the same archive again completes it.
//
// The directory must have no other writer meanwhile. Budget, Progress and r are used by the calling goroutine; another one,
// which ends before Extract returns, writes the files.
func Extract(ctx context.Context, r io.Reader, o Options) (Stats, error) {
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return Stats{}, fmt.Errorf("unpack: %w", err)
	}
	defer root.Close()
	x := &extractor{ctx: ctx, o: o, root: root, writer: newWriter(o.Owners), index: make(map[string]int)}
	x.parents.init(root)
	defer x.parents.clear()
	err = x.unpack(tar.NewReader(r))
	if err == nil {
		err = x.finishDirs()
	}
	return x.stats, err
}

type extractor struct {
	ctx     context.Context
	o       Options
	root    *os.Root
	parents parents
	writer  *writer
	stats   Stats

	dirs  []directory    // to finish, in the order of their first member
	index map[string]int // path -> position in dirs
}

// unpack returns when the writer has ended. Its error comes first: it is about this member or an earlier one.
func (x *extractor) unpack(tr *tar.Reader) (err error) {
	defer func() {
		if werr := x.writer.close(); werr != nil {
			err = werr
		}
		x.stats.Skipped += x.writer.skipped
	}()
	return x.members(tr)
}

func (x *extractor) members(tr *tar.Reader) error {
	for {
		if err := x.stopped(); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive after %d members: %w", x.stats.Entries, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := x.member(h, tr); err != nil {
			var refused *RefusedError
			if errors.As(err, &refused) {
				return err
			}
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
		x.stats.Entries++
	}
	if x.stats.Entries == 0 {
		return ErrEmpty
	}
	return nil
}

// stopped says why nothing more is to be done.
func (x *extractor) stopped() error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	return x.writer.failure()
}

func (x *extractor) member(h *tar.Header, r io.Reader) error {
	name, err := local(h.Name, h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return &RefusedError{h.Name, "it would replace the target itself"}
		}
		if err := x.keepTarget(); err != nil {
			return err
		}
		return x.remember(name, h)
	}
	if err := x.take(EntryCost); err != nil {
		return err
	}
	dir, base := path.Split(name)
	parent, err := x.parent(h.Name, dir)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return x.regular(parent, base, h, r)
	case tar.TypeDir:
		return x.directory(parent, base, name, h)
	case tar.TypeSymlink:
		return x.symlink(parent, base, h)
	case tar.TypeLink:
		return x.link(parent, base, h)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return x.device(parent, base, h)
	}
	return &RefusedError{h.Name, fmt.Sprintf("unknown member type %q", h.Typeflag)}
}

// local cleans a member's name or the target of a hard link. Leading slashes of names are dropped, as GNU tar does.
func local(member, name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", &RefusedError{member, "a zero byte in its name"}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", &RefusedError{member, "\"..\" in its name"}
		}
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

func (x *extractor) take(n int64) error {
	if x.o.Budget == nil || n == 0 {
		return nil
	}
	return x.o.Budget.Take(n)
}

func (x *extractor) give(n int64) {
	if x.o.Budget != nil {
		x.o.Budget.Give(n)
	}
}
