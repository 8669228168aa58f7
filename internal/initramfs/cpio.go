package initramfs

import (
	"bufio"
	"fmt"
	"io"
)

// trailer ends an archive.
const trailer = "TRAILER!!!"

// WriteCPIO writes the tree as an archive of the format newc, which the kernel unpacks (Documentation/driver-api/early-userspace/
// buffer-format.rst). Names are sorted, inodes counted, everything belongs to root; seconds since 1970 is the time of all files.
func (t *Tree) WriteCPIO(w io.Writer, seconds uint32) error {
	a := &archive{out: bufio.NewWriterSize(w, 64<<10), seconds: seconds}
	for _, name := range t.names() {
		if err := a.add(name, t.entries[name]); err != nil {
			return fmt.Errorf("initramfs: %s: %w", name, err)
		}
	}
	if err := a.record(trailer, 0, entry{}); err != nil {
		return err
	}
	return a.out.Flush()
}

// archive is a newc stream under way.
type archive struct {
	out     *bufio.Writer
	seconds uint32
	inode   uint32
}

func (a *archive) add(name string, e entry) error {
	a.inode++
	stored := name[1:]
	if stored == "" {
		stored = "."
	}
	if uint64(len(e.data)) > 1<<32-1 {
		return fmt.Errorf("%d bytes, more than an archive can hold", len(e.data))
	}
	return a.record(stored, a.inode, e)
}

// record writes a header of 110 bytes, the name with a NUL and the data, the last two padded to 4 bytes.
func (a *archive) record(name string, inode uint32, e entry) error {
	links, seconds := uint32(1), a.seconds
	if e.mode&typeMask == typeDir {
		links = 2
	}
	if inode == 0 {
		seconds = 0
	}
	fmt.Fprint(a.out, "070701")
	for _, field := range []uint32{
		inode, e.mode, 0, 0, links, seconds, uint32(len(e.data)),
		0, 0, e.major, e.minor, uint32(len(name) + 1), 0,
	} {
		fmt.Fprintf(a.out, "%08x", field)
	}
	fmt.Fprint(a.out, name, "\x00")
	a.pad(110 + len(name) + 1)
	a.out.Write(e.data)
	return a.pad(len(e.data))
}

// pad fills up to a multiple of 4 bytes. Its error is the first of all writes since the last one.
func (a *archive) pad(written int) error {
	_, err := a.out.Write(make([]byte, -written&3))
	return err
}
