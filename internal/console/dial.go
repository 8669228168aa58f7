package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Conn is a user's end. Receive is for one goroutine; the other methods may be called by several.
type Conn struct {
	conn io.ReadWriteCloser
	in   *bufio.Reader
	stop chan struct{}
	once sync.Once

	mu    sync.Mutex  // of writing
	alive *time.Timer // the server is taken for dead when it goes off
}

// Dial goes to the console of a node. client presents the user's certificate, speaks HTTP/1.1 and has no Timeout; base is
// https://HOST:PORT. A server's no is a *RefusedError. ctx bounds the way there; the connection lasts until Close.
func Dial(ctx context.Context, client *http.Client, base string, r Request) (*Conn, error) {
	query := url.Values{"want": {string(r.Want)}}
	if r.Force {
		query.Set("force", "yes")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+PathPrefix+url.PathEscape(r.Node)+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", protocol)
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	conn, able := answer.Body.(io.ReadWriteCloser)
	if answer.StatusCode != http.StatusSwitchingProtocols || !able {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return nil, &RefusedError{answer.StatusCode, strings.TrimSpace(string(text))}
	}
	return NewConn(conn), nil
}

// NewConn is a user's end of a connection that is there already.
func NewConn(conn io.ReadWriteCloser) *Conn {
	c := &Conn{conn: conn, in: bufio.NewReader(conn), stop: make(chan struct{})}
	c.alive = time.AfterFunc(silence, c.Close)
	go c.ping()
	return c
}

func (c *Conn) ping() {
	t := time.NewTicker(pingTime)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if c.send(frame{kind: kindPing}) != nil {
				return
			}
		case <-c.stop:
			return
		}
	}
}

func (c *Conn) send(f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.write(c.conn)
}

// EndedError is the server's last word.
type EndedError struct{ Why string }

func (e *EndedError) Error() string { return e.Why }

// Receive waits for bytes of the console or for a notice, of which one is not empty. The error is an *EndedError when the
// server has ended it.
func (c *Conn) Receive() (data []byte, notice string, err error) {
	for {
		f, err := readFrame(c.in)
		if err != nil {
			return nil, "", fmt.Errorf("the connection is lost: %w", err)
		}
		c.alive.Reset(silence)
		switch {
		case f.kind == kindEnd:
			return nil, "", &EndedError{string(f.payload)}
		case f.kind == kindData && len(f.payload) > 0:
			return f.payload, "", nil
		case f.kind == kindNotice:
			return nil, string(f.payload), nil
		}
	}
}

// Type sends what the user types.
func (c *Conn) Type(p []byte) error { return c.send(frame{kindData, p}) }

// Claim asks to write; a notice answers.
func (c *Conn) Claim() error { return c.send(frame{kind: kindClaim}) }

// Close leaves. It may be called twice.
func (c *Conn) Close() {
	c.once.Do(func() {
		close(c.stop)
		c.alive.Stop()
		c.conn.Close()
	})
}
