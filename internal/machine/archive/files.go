package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// holeSize is the unit in which zeros of a sparse file become holes again; archive/tar hides the map of the holes.
const holeSize = 64 << 10

// regular writes a file in the order that keeps everything: data, owner (which drops setuid and capabilities), mode,
// attributes, time.
func (x *extractor) regular(parent int, base string, h *tar.Header, r io.Reader) error {
	fd := -1
	err := x.again(parent, base, func() (err error) {
		fd, err = unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	err = x.fill(fd, h, r)
	if err == nil {
		err = x.describe(fd, h)
	}
	if cerr := unix.Close(fd); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// fill copies the member's content. Blocks of zeros of a sparse member are skipped, not written.
func (x *extractor) fill(fd int, h *tar.Header, r io.Reader) error {
	sparse := isSparse(h)
	var at int64
	for at < h.Size {
		if x.ctx.Err() != nil {
			return context.Cause(x.ctx)
		}
		n, err := io.ReadFull(r, x.buf[:min(int64(len(x.buf)), h.Size-at)])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("content after %d bytes: %w", at, err)
		}
		if err := x.write(fd, x.buf[:n], at, sparse); err != nil {
			return err
		}
		at += int64(n)
		x.stats.Bytes += int64(n)
		if x.o.Progress != nil {
			x.o.Progress(x.stats.Bytes)
		}
	}
	if sparse {
		return unix.Ftruncate(fd, h.Size)
	}
	return nil
}

func (x *extractor) write(fd int, b []byte, at int64, sparse bool) error {
	for len(b) > 0 {
		n := len(b)
		if sparse {
			n = min(n, holeSize)
		}
		if !sparse || !zero(b[:n]) {
			if err := x.take(int64(n)); err != nil {
				return err
			}
			if err := writeAt(fd, b[:n], at); err != nil {
				return err
			}
		}
		b, at = b[n:], at+int64(n)
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

// describe sets what an open file or directory is beside its content, but its time.
func (x *extractor) describe(fd int, h *tar.Header) error {
	if x.o.Owners {
		if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
			return fmt.Errorf("owner: %w", err)
		}
	}
	if err := unix.Fchmod(fd, uint32(h.Mode)&0o7777); err != nil {
		return fmt.Errorf("mode: %w", err)
	}
	x.attributes(fd, h)
	return nil
}

// setTime sets the modification time of an entry itself, not of what it links to.
func setTime(parent int, base string, t time.Time) error {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: t.Unix(), Nsec: int64(t.Nanosecond())}}
	if err := unix.UtimesNanoAt(parent, base, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	return nil
}
