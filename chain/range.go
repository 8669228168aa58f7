package chain

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// maxRanges is how many ranges the head serves at a time; others wait in the listener's queue.
const maxRanges = 16

// rangeServer answers links that need bytes which no predecessor holds any more.
type rangeServer struct {
	secret secret
	source func() *shelf // one of its own for each range
	size   int64
	timing timing
}

// run serves until the listener is closed, then waits for the ranges under way to end with ctx.
func (s *rangeServer) run(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, maxRanges)
	for {
		slots <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			_ = s.serve(conn) // the link sees the connection end and says so in its report
		})
	}
}

func (s *rangeServer) serve(conn net.Conn) error {
	w, err := acceptHandshake(conn, s.secret, roleRange, false, s.timing.dial)
	if err != nil {
		return err
	}
	h, b, err := w.expect(kindWant, s.timing.dial)
	if err != nil {
		return err
	}
	wanted, err := decodeWant(b)
	if err != nil {
		return err
	}
	if h.offset >= wanted.until || wanted.until > s.size {
		return fmt.Errorf("range %d to %d is outside the image of %d bytes", h.offset, wanted.until, s.size)
	}
	src := s.source()
	src.serve(h.offset)
	for src.cursor < wanted.until {
		offset, p, err := src.peek()
		if err != nil {
			return err
		}
		p = p[:min(int64(len(p)), wanted.until-offset)]
		if err := conn.SetWriteDeadline(time.Now().Add(s.timing.stall)); err != nil {
			return err
		}
		if err := w.data(offset, p); err != nil {
			return err
		}
		src.sent(len(p))
	}
	w.farewell(s.timing.stall)
	return nil
}

// fetch asks the head at addr for the bytes [from, until) and hands each DATA header to take, which reads the payload.
func fetch(ctx context.Context, d net.Dialer, addr string, s secret, t timing, from, until int64, take func(*wire, header) error) error {
	if addr == "" {
		return fmt.Errorf("bytes %d to %d are in no ring any more and the head serves no ranges", from, until)
	}
	dialCtx, cancel := context.WithTimeout(ctx, t.dial)
	defer cancel()
	conn, err := d.DialContext(dialCtx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("range from the head: %s", short(err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	w, _, err := dialHandshake(conn, s, roleRange, t.dial)
	if err != nil {
		return fmt.Errorf("range from the head: %w", err)
	}
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
