package imagecache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Bounds of one fetch.
const (
	maxRounds   = 1000 // connections
	maxRestarts = 3    // from the first byte
	maxPause    = 30 * time.Second
	markEvery   = 32 << 20 // bytes, after which what has come survives a power cut
	readSize    = 256 << 10
)

// download is one file on its way. What has come so far is in a file, and in sum.
type download struct {
	*Cache
	from     address
	report   func(done, total int64)
	last     *record // what the URL had when it was asked last; nil when that is not here
	partial  *partial
	f        *os.File
	sum      hash.Hash
	have     int64
	info     info
	marked   int64 // bytes that survive a power cut
	restarts int
}

// run makes rounds until the file is whole, and returns its digest, pinned.
func (d *download) run(ctx context.Context) (digest string, err error) {
	defer d.rest()
	if err := d.resume(ctx); err != nil {
		return "", err
	}
	nothing := 0
	for range maxRounds {
		before := d.have
		unchanged, err := d.round(ctx)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case err == nil && unchanged:
			return d.stays()
		case err == nil:
			return d.finish()
		case isFinal(err):
			return "", err
		}
		if d.have > before {
			nothing = 0
		}
		if nothing++; nothing >= d.cfg.Tries {
			return "", fmt.Errorf("%w (tried %d times)", err, nothing)
		}
		d.cfg.Log.Info("fetch is tried again", "url", d.from.String(), "bytes", d.have, "error", err)
		if err := pause(ctx, min(d.cfg.Pause<<(nothing-1), maxPause)); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("it was cut off %d times", maxRounds)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// restart forgets what has come: the next bytes are those of another file, or of one that nobody vouches for to be the same.
func (d *download) restart(next info) error {
	d.dropLast()
	if d.have > 0 {
		if d.restarts++; d.restarts > maxRestarts && d.info.Validator == "" {
			return final(errCut)
		} else if d.restarts > maxRestarts {
			return final(errChanges)
		}
	}
	if err := d.open(next); err != nil {
		return final(err)
	}
	return nil
}

// open begins a file of its own: what is said of the old one must never be believed of the new one.
func (d *download) open(next info) error {
	if d.f != nil {
		d.f.Close()
		d.f = nil
	}
	if err := ignoreMissing(d.root.Remove(partialName(d.from.key))); err != nil {
		return wording.Bare(err)
	}
	next.URL, next.Synced = d.from.url.String(), 0
	if err := d.write(infoName(d.from.key), next); err != nil {
		return err
	}
	f, err := d.root.OpenFile(partialName(d.from.key), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return wording.Bare(err)
	}
	d.f, d.sum, d.have, d.info, d.marked = f, sha256.New(), 0, next, 0
	return nil
}

// resume takes up what another fetch has left, if it can be gone on with.
func (d *download) resume(ctx context.Context) error {
	f, err := d.root.OpenFile(partialName(d.from.key), os.O_RDWR, 0)
	if err != nil || d.info.Validator == "" {
		d.info, d.marked = info{Size: -1}, 0
		return nil
	}
	most := int64(1<<63 - 1)
	if d.info.Size > 0 {
		most = d.info.Size - 1 // the server vouches for it only with some of it
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(&reader{ctx, f}, most))
	if err != nil {
		f.Close()
		return err
	}
	d.f, d.sum, d.have = f, sum, n
	return nil
}

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// take adds what came.
func (d *download) take(p []byte) error {
	if err := d.reserve(d.have + int64(len(p))); err != nil {
		return final(err)
	}
	n, err := d.f.WriteAt(p, d.have)
	d.sum.Write(p[:n])
	d.have += int64(n)
	if err == nil && d.have-d.marked >= markEvery {
		err = d.mark()
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = errors.New("the disk of the image cache is full")
	}
	if err != nil {
		return final(wording.Bare(err))
	}
	d.report(d.have, max(d.info.Size, 0))
	return nil
}

// mark makes what has come survive a power cut, too.
func (d *download) mark() error {
	if err := d.f.Sync(); err != nil {
		return err
	}
	d.info.Synced, d.marked = d.have, d.have
	return d.write(infoName(d.from.key), d.info)
}

// rest leaves what has come for a later fetch. A failure costs that one its head start.
func (d *download) rest() {
	var err error
	if d.f != nil {
		if d.info.Validator == "" || d.have == 0 { // nobody could say that it is still the same
			d.have = 0
			err = errors.Join(ignoreMissing(d.root.Remove(partialName(d.from.key))), ignoreMissing(d.root.Remove(infoName(d.from.key))))
		} else if d.have > d.marked {
			err = d.mark()
		}
		err = errors.Join(err, d.f.Close())
	}
	if err != nil {
		d.cfg.Log.Warn("what was fetched so far may be fetched again", "url", d.from.String(), "error", err)
	}
	d.leave()
}

// finish puts the whole file in its place.
func (d *download) finish() (string, error) {
	digest := hex.EncodeToString(d.sum.Sum(nil))
	if err := d.f.Sync(); err != nil {
		return "", wording.Bare(err)
	}
	if err := d.land(digest); err != nil {
		return "", wording.Bare(err)
	}
	return digest, nil
}
