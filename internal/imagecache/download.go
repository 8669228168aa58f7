package imagecache

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
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
