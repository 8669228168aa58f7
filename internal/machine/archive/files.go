package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// regular makes a file and reads its content, which the writer puts into it.
func (x *extractor) regular(parent int, base string, h *tar.Header, r io.Reader) error {
	fd := -1
	err := x.again(parent, base, func() (err error) {
		fd, err = unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	p := part{fd: fd, header: h}
	for !p.last {
		p, err = x.next(p, r)
		x.writer.put(p)
	}
	return err
}

// next reads the part after p. With an error it is the last one, which only closes the file.
func (x *extractor) next(p part, r io.Reader) (part, error) {
	p.at += int64(p.size)
	p.size = int(min(chunkSize, p.header.Size-p.at))
	p.last = p.at+int64(p.size) == p.header.Size
	var err error
	if p.data, err = x.content(p, r); err != nil {
		p.last, p.broken = true, true
	}
	return p, err
}

// content reads what p is to hold. Zeros of a sparse member are nothing again: they take no space.
func (x *extractor) content(p part, r io.Reader) (*[chunkSize]byte, error) {
	if p.size == 0 {
		return nil, nil
	}
	data := chunks.Get().(*[chunkSize]byte)
	b := data[:p.size]
	err := x.read(b, p.at, r)
	hole := err == nil && isSparse(p.header) && zero(b)
	if err == nil && !hole {
		err = x.take(int64(p.size))
	}
	if err != nil || hole {
		chunks.Put(data)
		return nil, err
	}
	return data, nil
}

func (x *extractor) read(b []byte, at int64, r io.Reader) error {
	if err := x.stopped(); err != nil {
		return err
	}
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("content after %d bytes: %w", at+int64(n), err)
	}
	x.stats.Bytes += int64(n)
	if x.o.Progress != nil {
		x.o.Progress(x.stats.Bytes)
	}
	return nil
}

func writeAt(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// zero says whether b holds zeros only: its first byte is one, and every byte is like the one before it.
func zero(b []byte) bool { return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	_, v1 := h.PAXRecords["GNU.sparse.major"]
	_, v0 := h.PAXRecords["GNU.sparse.map"]
	return v1 || v0
}

// describe sets what an open file or directory is beside its content, but its time. It counts the attributes that it could
// not set.
func describe(fd int, h *tar.Header, owners bool) (skipped int, err error) {
	if owners {
		if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
			return 0, fmt.Errorf("owner: %w", err)
		}
	}
	if err := unix.Fchmod(fd, uint32(h.Mode)&0o7777); err != nil {
		return 0, fmt.Errorf("mode: %w", err)
	}
	set := func(name string, value []byte) error { return unix.Fsetxattr(fd, name, value, 0) }
	return setAttributes(h, owners, set), nil
}

// setTime sets the modification time of an entry itself, not of what it links to; with an empty name that of the handle,
// which Linux knows since version 5.8.
func setTime(at int, name string, t time.Time) error {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: t.Unix(), Nsec: int64(t.Nanosecond())}}
	if err := unix.UtimesNanoAt(at, name, ts, flags); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	return nil
}
