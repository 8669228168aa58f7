package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kadeploy/kadeploy/internal/compress"
)

// blockSize is no larger than the unit in which the agent makes holes of zeros.
const blockSize = 32 << 10

var zeros [blockSize]byte

// walk unpacks an image to nowhere, so that a node never is the first to find out that it does not unpack. Its errors
// read on from "image NAME".
type walk struct {
	ctx         context.Context
	maxUnpacked int64
	unpacked    int64
	needs       int64
	packed      []byte // index of a tar image
	block       [blockSize]byte
}

func (w *walk) run(r io.Reader, kind, compression string) error {
	plain, err := compress.Open(compression, bufio.NewReaderSize(r, 256<<10))
	if err != nil {
		return fault(compression+" data", err)
	}
	defer plain.Close()
	c := &counter{r: plain, ctx: w.ctx, left: w.maxUnpacked}
	defer func() {
		if w.unpacked = c.n; kind != "tar" {
			w.needs = c.n
		}
	}()
	if kind == "tar" {
		if err := w.tar(c); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return fault(compression+" data", err)
	}
	_, err = io.Copy(io.Discard, r) // nothing should be left, but the pump must not wait for a reader that has gone
	return err
}

func (w *walk) tar(c *counter) error {
	t := tar.NewReader(c)
	var list []entry
	files := needs{of: make(map[string]int64)}
	for {
		c.zeros = 0
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault(fmt.Sprintf("tar archive after %d entries", len(list)), err)
		}
		if len(list) == maxEntries {
			return fmt.Errorf("has more than %d entries", maxEntries)
		}
		e := entryOf(h)
		list = append(list, e)
		content, err := w.content(t, c)
		if err != nil {
			return fault(fmt.Sprintf("tar archive in entry %q", h.Name), err)
		}
		files.add(e, content)
	}
	// archive/tar takes the end of the stream for the end of the archive; only the zero blocks that tar writes last
	// tell an archive from its first half.
	if c.zeros < 512 {
		return fmt.Errorf("is truncated: its tar archive has no end after %d entries", len(list))
	}
	if len(list) == 0 {
		return errors.New("holds an empty tar archive")
	}
	var err error
	w.needs = files.sum
	w.packed, err = pack(list)
	return err
}

// content reads an entry to its end, and says how much of it takes room on a disk. Holes of a sparse file cost no reading, only time: hence the
// look at ctx.
func (w *walk) content(t *tar.Reader, c *counter) (int64, error) {
	var size, filled int64
	for before := c.n; ; {
		if w.ctx.Err() != nil {
			return 0, errClosed
		}
		n, err := t.Read(w.block[:])
		if size += int64(n); !bytes.Equal(w.block[:n], zeros[:n]) {
			filled += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF) && c.n-before < size: // a sparse one: zeros that are in the archive become holes, too
			return filled, nil
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return 0, err
		}
	}
}

// fault says in one line what is wrong with the data.
func fault(what string, err error) error {
	switch {
	case errors.Is(err, errClosed), errors.Is(err, errTooLarge):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("is truncated: its %s ends too early", what)
	}
	return fmt.Errorf("is corrupt: its %s cannot be read: %w", what, err)
}

var errTooLarge = errors.New("unpacks to more than the server accepts")

// counter counts what an image unpacks to, up to a bound, and the zero bytes at the end of it.
type counter struct {
	r     io.Reader
	ctx   context.Context
	n     int64
	left  int64
	zeros int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, errClosed
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.left -= int64(n); c.left < 0 {
		return n, errTooLarge
	}
	tail := n
	for tail > 0 && p[tail-1] == 0 {
		tail--
	}
	if tail > 0 {
		c.zeros = 0
	}
	c.zeros += int64(n - tail)
	return n, err
}
