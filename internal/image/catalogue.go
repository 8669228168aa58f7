package image

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/compress"
)

// Config of a catalogue.
type Config struct {
	Dir         string // where results are kept; made when missing
	ChunkSize   int    // of manifests; chain.DefaultChunkSize when 0
	MaxUnpacked int64  // bytes an image may unpack to; 1 TiB when 0
	Log         *slog.Logger
}

// Catalogue prepares images. Its methods may be called from any goroutine.
type Catalogue struct {
	config  Config
	records *records
	flights flights
}

// New opens the catalogue in a directory.
func New(c Config) (*Catalogue, error) {
	c.ChunkSize = cmp.Or(c.ChunkSize, chain.DefaultChunkSize)
	c.MaxUnpacked = cmp.Or(c.MaxUnpacked, 1<<40)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	records, err := openRecords(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("image catalogue: %w", err)
	}
	return &Catalogue{config: c, records: records}, nil
}

// Close ends what is being read, waits for it, and lets go of the directory. No Prepare may follow.
func (c *Catalogue) Close() error {
	c.flights.close()
	return c.records.close()
}

// Prepare reads the image from end to end and says whether it can be deployed; the error is one line that names the
// file and its fault. Requests for one file at the same time share the reading, and what was found is remembered as
// long as the file is the same, over restarts too: then Prepare returns at once.
//
// progress may be nil; it is called with the bytes read so far and the size of the file, never twice at once and never
// after Prepare has returned.
func (c *Catalogue) Prepare(ctx context.Context, want config.Image, progress func(done, total int64)) (*Image, error) {
	return c.prepare(ctx, want, progress, true)
}

// Read is Prepare for what is not to be believed any more: the image is read even if it was before.
func (c *Catalogue) Read(ctx context.Context, want config.Image, progress func(done, total int64)) (*Image, error) {
	return c.prepare(ctx, want, progress, false)
}

func (c *Catalogue) prepare(ctx context.Context, want config.Image, progress func(done, total int64), known bool) (*Image, error) {
	w, err := check(want)
	if err != nil {
		return nil, err
	}
	f, id, err := open(w.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	key := recordKey(id, w, c.config.ChunkSize)
	var img *Image
	if known {
		img = c.records.load(key, id)
	}
	if img == nil || w.MD5 != "" && img.MD5 == "" {
		img, err = c.flights.do(ctx, flightKey{key, w.MD5 != ""}, progress, func(ctx context.Context, report func(done, total int64)) (*Image, error) {
			return c.read(ctx, key, w, report)
		})
		if err != nil {
			return nil, err
		}
	}
	return img, compare(w, img)
}

// read is one reading for all who asked, and its record.
func (c *Catalogue) read(ctx context.Context, key string, w config.Image, report func(done, total int64)) (*Image, error) {
	p := pass{want: w, chunkSize: c.config.ChunkSize, maxUnpacked: c.config.MaxUnpacked, report: report}
	img, err := p.run(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.records.save(key, img); err != nil {
		c.config.Log.Warn("image will be read again next time", "image", img.Path, "error", err)
	}
	return img, nil
}

// check makes a description's image definite, or says what it lacks.
func check(w config.Image) (config.Image, error) {
	if scheme, _, ok := strings.Cut(w.Path, "://"); ok {
		return w, fmt.Errorf("image %s: this version does not fetch %s: copy the file to the server and name its path", w.Path, scheme)
	}
	if !filepath.IsAbs(w.Path) {
		return w, fmt.Errorf("image %q is not an absolute path", w.Path)
	}
	w.Path = filepath.Clean(w.Path)
	w.Compression = cmp.Or(w.Compression, "none")
	if !slices.Contains(compress.Names, w.Compression) {
		return w, fmt.Errorf("image %s: unknown compression %q (known: %s)", w.Path, w.Compression, strings.Join(compress.Names, ", "))
	}
	if w.Kind != "tar" && w.Kind != "dd" {
		return w, fmt.Errorf("image %s: unknown kind %q (known: tar, dd)", w.Path, w.Kind)
	}
	w.SHA256, w.MD5 = strings.ToLower(w.SHA256), strings.ToLower(w.MD5)
	for _, d := range []struct {
		name, value string
		size        int
	}{{"sha256", w.SHA256, 32}, {"md5", w.MD5, 16}} {
		if b, err := hex.DecodeString(d.value); d.value != "" && (err != nil || len(b) != d.size) {
			return w, fmt.Errorf("image %s: its description's %s %q is not %d hexadecimal digits", w.Path, d.name, d.value, 2*d.size)
		}
	}
	return w, nil
}

// compare holds what the file is against what its description says it is.
func compare(w config.Image, img *Image) error {
	if w.SHA256 != "" && w.SHA256 != img.SHA256 {
		return fmt.Errorf("image %s has the SHA-256 %s, its description says %s", w.Path, img.SHA256, w.SHA256)
	}
	if w.MD5 != "" && w.MD5 != img.MD5 {
		return fmt.Errorf("image %s has the MD5 %s, its description says %s", w.Path, img.MD5, w.MD5)
	}
	return nil
}
