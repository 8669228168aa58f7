package chain

import (
	"context"
	"fmt"
	"net"
	"time"
)

// dialer opens connections, as a net.Dialer does.
type dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// dial connects to a party of the transfer and shakes hands, all within the time given. An error is worded for people.
func dial(ctx context.Context, d dialer, addr string, s secret, as role, limit time.Duration) (w *wire, flag bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, false, &dialError{err}
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	w, flag, err = dialHandshake(conn, s, as, limit)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() == context.DeadlineExceeded {
			err = ctx.Err()
		}
		return nil, false, fmt.Errorf("handshake: %s", short(err))
	}
	return w, flag, nil
}

// dialError is worded for people and keeps its cause.
type dialError struct{ err error }

func (e *dialError) Error() string { return short(e.err) }
func (e *dialError) Unwrap() error { return e.err }
