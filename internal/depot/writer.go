package depot

import (
	"context"
	"fmt"
	"hash"
	"time"
)

// takeover is the time for an earlier upload of the same file to end.
const takeover = 5 * time.Second

// partial is an upload that is not whole. have, size, touched and writer are guarded by the depot's lock, the rest belongs to
// the writer.
type partial struct {
	have    int64 // bytes in the file
	size    int64 // announced; at least have
	touched time.Time
	writer  *writer // nil: nobody sends

	sum    hash.Hash // of the first summed bytes
	summed int64
}

// writer is the one call of Append that sends an upload.
type writer struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// quiet ends the upload under way, if there is one, and returns with the lock unless it fails.
func (d *Depot) quiet(ctx context.Context, k key) error {
	late := time.NewTimer(takeover)
	defer late.Stop()
	for {
		d.mu.Lock()
		p := d.partials[k]
		switch {
		case d.closed:
			d.mu.Unlock()
			return ErrClosed
		case p == nil || p.writer == nil:
			return nil
		}
		w := p.writer
		d.mu.Unlock()
		w.cancel(ErrSuperseded)
		select {
		case <-w.done:
		case <-late.C:
			return ErrBusy
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// begin makes the caller the writer. p is nil when there is nothing to write.
func (d *Depot) begin(ctx context.Context, cancel context.CancelCauseFunc, k key, size, offset int64) (p *partial, have int64, err error) {
	if err := d.quiet(ctx, k); err != nil {
		return nil, 0, err
	}
	defer d.mu.Unlock()
	if f := d.claimed(k); f != nil {
		if f.size != size {
			return nil, f.size, fmt.Errorf("the file %s has %d bytes, not %d", k.digest, f.size, size)
		}
		return nil, size, nil
	}
	if d.crowded(k.owner) {
		return nil, 0, ErrBusy
	}
	p = d.partials[k]
	if p != nil && p.have > size { // one of the two sizes was wrong: the digest would be, too
		if err := d.dropPartial(k); err != nil {
			return nil, 0, diskError(err)
		}
		p = nil
	}
	if p == nil {
		p = &partial{}
	}
	if p.have != offset {
		return nil, p.have, &OffsetError{p.have}
	}
	if err := d.reserve(k, size); err != nil {
		return nil, p.have, err
	}
	p.size, p.touched, p.writer = size, d.cfg.Now(), &writer{cancel, make(chan struct{})}
	d.partials[k] = p
	return p, p.have, nil
}

func (d *Depot) crowded(owner string) bool {
	all, own := 0, 0
	for k, p := range d.partials {
		if p.writer == nil {
			continue
		}
		if all++; k.owner == owner {
			own++
		}
	}
	return all >= maxWriters || own >= maxOwnerWriters
}
