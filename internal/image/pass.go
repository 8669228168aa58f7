package image

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/compress"
)

const (
	readSize = 1 << 20
	// settle is longer than the granularity of a file's times (a tick of the kernel): a file that was written less
	// than that ago may be written once more without its times showing it.
	settle = 20 * time.Millisecond
)

// pass is one reading of an image by three: the digests, the manifest and the walk through what it unpacks to.
type pass struct {
	want        config.Image
	chunkSize   int
	maxUnpacked int64
	report      func(done, total int64)
}

// errStopped is how a reader of the image tells the pump that it has an error of its own.
var errStopped = errors.New("stopped")

func (p *pass) run(ctx context.Context) (*Image, error) {
	f, id, err := open(p.want.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := p.magic(f); err != nil {
		return nil, err
	}
	if err := rest(ctx, time.Until(time.Unix(0, id.CTime).Add(settle))); err != nil {
		return nil, err
	}
	img := &Image{Path: p.want.Path, Size: id.Size, Kind: p.want.Kind, Compression: p.want.Compression, id: id}
	if err := p.read(ctx, f, img); err != nil {
		if img.Unchanged() != nil { // a file that is being written looks like anything
			return nil, img.changed()
		}
		return nil, err
	}
	return img, img.Unchanged()
}

// magic compares the first bytes of the file with the compression its description names.
func (p *pass) magic(f *os.File) error {
	head := make([]byte, 6)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("image %s cannot be read: %w", p.want.Path, err)
	}
	if found := compress.Detect(head[:n]); found != p.want.Compression {
		return fmt.Errorf("image %s: its compression is %s, its description says %s", p.want.Path, found, p.want.Compression)
	}
	return nil
}

func (p *pass) read(ctx context.Context, f *os.File, img *Image) error {
	sha, md := sha256.New(), hash.Hash(nil)
	sinks := []io.Writer{sha}
	if p.want.MD5 != "" {
		md = md5.New()
		sinks = append(sinks, md)
	}
	var (
		wg                    sync.WaitGroup
		manifestErr, walkErr  error
		toManifest, manifestW = io.Pipe()
		toWalk, walkW         = io.Pipe()
	)
	wg.Go(func() {
		img.Manifest, manifestErr = chain.BuildManifest(toManifest, p.chunkSize)
		toManifest.CloseWithError(errStopped)
	})
	wg.Go(func() {
		w := walk{ctx: ctx, maxUnpacked: p.maxUnpacked}
		walkErr = w.run(toWalk, p.want.Kind, p.want.Compression)
		img.Unpacked, img.Needs, img.index = w.unpacked, w.needs, w.packed
		toWalk.CloseWithError(errStopped)
	})
	err := p.pump(ctx, f, img.Size, io.MultiWriter(append(sinks, manifestW, walkW)...))
	manifestW.CloseWithError(err) // nil is the end of the file
	walkW.CloseWithError(err)
	wg.Wait()

	if err != nil && !errors.Is(err, errStopped) {
		return err
	}
	if walkErr != nil {
		return fmt.Errorf("image %s %w", p.want.Path, walkErr)
	}
	if manifestErr != nil {
		return fmt.Errorf("image %s: %w", p.want.Path, manifestErr)
	}
	img.SHA256 = hex.EncodeToString(sha.Sum(nil))
	if md != nil {
		img.MD5 = hex.EncodeToString(md.Sum(nil))
	}
	return nil
}

// pump reads the file once for all.
func (p *pass) pump(ctx context.Context, f io.Reader, total int64, to io.Writer) error {
	buf := make([]byte, readSize)
	for done := int64(0); ; {
		if ctx.Err() != nil {
			return errClosed // a reading ends early only with the catalogue, or when nobody waits for it
		}
		n, err := f.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
			done += int64(n)
			p.report(done, total)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("image %s cannot be read at byte %d: %w", p.want.Path, done, err)
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 || d > settle {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errClosed
	}
}
