package depot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	appendBuffer = 256 << 10
	syncEvery    = 64 << 20 // so that the last fsync is short
)

// Interrupter is a reader whose Read returns soon after Interrupt, from another goroutine.
type Interrupter interface{ Interrupt() }

// Append adds what r has to an owner's upload of a file of size bytes. offset must be what is there (an *OffsetError says how
// much that is). It returns what is there now; with have == size and no error the file is whole, its digest is right, and it is
// the owner's. What came before an error stays and is safe on the disk, but for a *DigestError: then everything is thrown away.
//
// There is one writer: a later Append or Status of the same owner and file ends an earlier one, with ErrSuperseded; an r that
// may block for long should be an Interrupter. Bytes of r beyond size are not read. Other errors are *TooBigError, *QuotaError,
// *FullError, ErrBusy, ErrOwner, ErrClosed, what r returned, and the cause of ctx.
func (d *Depot) Append(ctx context.Context, owner string, digest Digest, size, offset int64, r io.Reader) (have int64, err error) {
	k, err := keyOf(owner, digest)
	if err != nil {
		return 0, err
	}
	if size < 0 || offset < 0 {
		return 0, fmt.Errorf("a size of %d bytes and an offset of %d", size, offset)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p, have, err := d.begin(ctx, cancel, k, size, offset)
	if p == nil {
		return have, err
	}
	if i, ok := r.(Interrupter); ok {
		defer context.AfterFunc(ctx, i.Interrupt)()
	}
	err = d.write(ctx, k, p, r)
	return d.finish(k, p, err)
}

// write brings what r has to the disk.
func (d *Depot) write(ctx context.Context, k key, p *partial, r io.Reader) error {
	f, err := d.root.OpenFile(k.partial(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return diskError(err)
	}
	defer f.Close()
	if err := d.same(f, p); err != nil {
		return err
	}
	safe := p.have
	for buffer := make([]byte, appendBuffer); err == nil && p.have < p.size; {
		if err = context.Cause(ctx); err != nil {
			break
		}
		var n int
		n, err = r.Read(buffer[:min(int64(len(buffer)), p.size-p.have)])
		if werr := d.add(f, p, buffer[:n]); werr != nil {
			err = werr
		}
		if p.have-safe >= syncEvery {
			if serr := d.sync(f, p, &safe); serr != nil {
				return serr
			}
		}
	}
	if serr := d.sync(f, p, &safe); serr != nil {
		return serr
	}
	// An interrupted reader says less than the cause; one that was silent says more: the HTTP server gives it up by itself.
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, errSilent) {
		return cause
	}
	if err == io.EOF || err == nil {
		return d.verify(ctx, k, p, f)
	}
	return err
}

// same holds the file against what is known of it: somebody may have cleaned up the directory.
func (d *Depot) same(f *os.File, p *partial) error {
	info, err := f.Stat()
	if err != nil || info.Size() == p.have {
		return diskError(err)
	}
	if info.Size() > p.have {
		return diskError(f.Truncate(p.have))
	}
	d.mu.Lock()
	p.have = info.Size()
	d.mu.Unlock()
	p.sum, p.summed = nil, 0
	return &OffsetError{info.Size()}
}

// add writes at the end. A short write counts for what it brought.
func (d *Depot) add(f *os.File, p *partial, b []byte) error {
	n, err := f.WriteAt(b, p.have)
	if p.summed == p.have {
		if p.sum == nil {
			p.sum = sha256.New()
		}
		p.sum.Write(b[:n])
		p.summed += int64(n)
	}
	d.mu.Lock()
	p.have += int64(n)
	p.touched = d.cfg.Now()
	d.mu.Unlock()
	return diskError(err)
}

// sync makes what came safe. After a failure nobody knows what the disk has of what came since the last time: it is cut off.
func (d *Depot) sync(f *os.File, p *partial, safe *int64) error {
	err := f.Sync()
	if err == nil {
		*safe = p.have
		return nil
	}
	if cut := f.Truncate(*safe); cut == nil {
		d.mu.Lock()
		p.have = *safe
		d.mu.Unlock()
		p.sum, p.summed = nil, 0
	}
	return diskError(err)
}

// verify holds a whole upload against its digest. What was written by others before is read again.
func (d *Depot) verify(ctx context.Context, k key, p *partial, f *os.File) error {
	if p.have < p.size {
		return nil
	}
	if p.sum == nil {
		p.sum, p.summed = sha256.New(), 0
	}
	for p.summed < p.have {
		n, err := io.Copy(p.sum, io.NewSectionReader(f, p.summed, min(syncEvery, p.have-p.summed)))
		p.summed += n
		switch cause := context.Cause(ctx); {
		case err != nil:
			return diskError(err)
		case cause != nil:
			return cause
		case n == 0:
			return diskError(io.ErrUnexpectedEOF)
		}
	}
	var got Digest
	p.sum.Sum(got[:0])
	if got != k.digest {
		return &DigestError{k.digest, got}
	}
	return nil
}
