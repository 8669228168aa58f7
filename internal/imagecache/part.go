package imagecache

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/kadeploy/kadeploy/internal/wording"
)

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
