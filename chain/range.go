package chain

import (
	"context"
	"fmt"
	"time"
)

// serveRange answers a link that needs bytes which no predecessor holds any more. A permit is taken before each frame, unless permits
// is nil.
func serveRange(ctx context.Context, w *wire, src *shelf, t timing, permits <-chan struct{}) error {
	h, b, err := w.expect(kindWant, t.dial)
	if err != nil {
		return err
	}
	wanted, err := decodeWant(b)
	if err != nil {
		return err
	}
	if limit := src.index.limit(); h.offset >= wanted.until || wanted.until > limit {
		return fmt.Errorf("range %d to %d is outside the image of %d bytes", h.offset, wanted.until, limit)
	}
	src.cursor.Store(h.offset)
	for at := h.offset; at < wanted.until; at = src.cursor.Load() {
		offset, p, err := src.peek()
		if err != nil {
			return err
		}
		p = p[:min(int64(len(p)), wanted.until-offset)]
		if permits != nil {
			select {
			case <-permits:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := w.conn.SetWriteDeadline(time.Now().Add(t.stall)); err != nil {
			return err
		}
		if err := w.data(offset, p); err != nil {
			return err
		}
		src.cursor.Add(int64(len(p)))
	}
	w.farewell(t.stall)
	return nil
}

// fetch asks the head at addr for the bytes [from, until) and hands each DATA header to take, which reads the payload.
func fetch(ctx context.Context, d dialer, addr string, s secret, t timing, from, until int64, take func(*wire, header) error) error {
	if addr == "" {
		return fmt.Errorf("bytes %d to %d are in no ring any more and the head serves no ranges", from, until)
	}
	w, _, err := dial(ctx, d, addr, s, roleRange, t.dial)
	if err != nil {
		return fmt.Errorf("range from the head: %w", err)
	}
	defer w.conn.Close()
	defer context.AfterFunc(ctx, func() { w.conn.Close() })()
	if err := w.control(kindWant, from, want{until: until}.encode()); err != nil {
		return fmt.Errorf("range from the head: %s", short(err))
	}
	for from < until {
		h, err := w.next(t.stall)
		if err != nil {
			return fmt.Errorf("range from the head: %s", short(err))
		}
		if h.kind != kindData || h.offset != from || h.length == 0 || from+int64(h.length) > until {
			return fmt.Errorf("range from the head: frame of kind %d at %d where data at %d was due", h.kind, h.offset, from)
		}
		if err := take(w, h); err != nil {
			return err
		}
		from += int64(h.length)
	}
	return nil
}
