package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/klauspost/compress/zstd"
)

// maxEntries bounds the memory that an image's list takes.
const maxEntries = 2 << 20

// entry is one member of a tar image. Its place in the list is its place in the archive.
type entry struct {
	Type byte   `json:"t"` // typeflag of the tar header
	Name string `json:"n"` // clean, without leading slash
	Link string `json:"l,omitempty"`
	Size int64  `json:"s,omitempty"`
}

func entryOf(h *tar.Header) entry {
	return entry{Type: h.Typeflag, Name: clean(h.Name), Link: h.Linkname, Size: h.Size}
}

func clean(name string) string { return path.Clean("/" + name)[1:] }

// needs sums up what files take on a disk. A later one takes the place of an earlier one of its name.
type needs struct {
	of  map[string]int64 // by name, those that take something
	sum int64
}

func (n *needs) add(e entry, content int64) {
	n.sum += content - n.of[e.Name]
	if content > 0 {
		n.of[e.Name] = content
	} else {
		delete(n.of, e.Name)
	}
}

func (e entry) regular() bool { return e.Type == tar.TypeReg || e.Type == tar.TypeGNUSparse }

// pack makes the list small enough to be kept with every image.
func pack(list []entry) ([]byte, error) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("pack the list of entries: %w", err)
	}
	enc := json.NewEncoder(z)
	for _, e := range list {
		if err := enc.Encode(e); err != nil {
			return nil, errors.Join(err, z.Close())
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack the list of entries: %w", err)
	}
	return b.Bytes(), nil
}

// entries reads the list back.
func (i *Image) entries() ([]entry, error) {
	z, err := zstd.NewReader(bytes.NewReader(i.index), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("list of image %s: %w", i.Path, err)
	}
	defer z.Close()
	var list []entry
	dec := json.NewDecoder(z)
	for {
		var e entry
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("list of image %s: %w", i.Path, err)
		}
		list = append(list, e)
	}
}
