package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// PathPrefix is where consoles are on the server; the node's name follows.
const PathPrefix = "/v1/console/"

// lastWords is how long a member who is ended may take to hear why.
const lastWords = time.Second

// Handler serves consoles to whoever identity knows; it must take who somebody is from the connection.
//
//	GET /v1/console/NODE?want=read|write|insist&force=yes
//	Upgrade: kadeploy-console/1
//
// open makes him a member (Hub.Join) if he may be one. Its *RefusedError is the answer, with one line of text; 101 is a yes,
// after which both sides speak frames.
func Handler(open func(context.Context, Request) (*Member, error), identity func(*http.Request) (user string, ok bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		m, err := enter(ctx, r, open, identity)
		var no *RefusedError
		switch {
		case errors.As(err, &no):
			refuse(w, no.Status, no.Text)
			return
		case err != nil:
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			refuse(w, http.StatusInternalServerError, "this connection cannot be upgraded")
			return
		}
		defer conn.Close()
		m.serve(conn, buffered.Reader)
	})
}

func enter(ctx context.Context, r *http.Request, open func(context.Context, Request) (*Member, error), identity func(*http.Request) (string, bool)) (*Member, error) {
	user, known := identity(r)
	if !known {
		return nil, &RefusedError{http.StatusForbidden, "who asks is not known here"}
	}
	said := r.URL.Query()
	request := Request{User: user, Node: strings.TrimPrefix(r.URL.Path, PathPrefix), Want: Want(said.Get("want")), Force: said.Has("force")}
	switch {
	case r.Method != http.MethodGet || r.Header.Get("Upgrade") != protocol:
		return nil, &RefusedError{http.StatusUpgradeRequired, "consoles are asked for with GET and Upgrade: " + protocol}
	case request.Want != Read && request.Want != Write && request.Want != Insist:
		return nil, &RefusedError{http.StatusBadRequest, fmt.Sprintf("want=%.20q: read, write or insist", request.Want)}
	}
	return open(ctx, request)
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, wording.Clean(text))
}

// serve is a member's life: it returns when the client is gone, or has heard the last word.
func (m *Member) serve(conn net.Conn, r *bufio.Reader) {
	listening := make(chan struct{})
	defer func() { m.cancel(); conn.Close(); <-listening }()
	go func() {
		defer close(listening)
		m.listen(conn, r)
	}()
	defer context.AfterFunc(m.ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(lastWords)) })()
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol); err != nil {
		return
	}
	ping := time.NewTicker(pingTime)
	defer ping.Stop()
	for {
		frames := []frame{{kind: kindPing}}
		select {
		case <-m.news:
			frames = m.take()
		case <-ping.C:
		case <-listening:
			return
		}
		for _, f := range frames {
			m.allow(conn)
			if f.write(conn) != nil || f.kind == kindEnd {
				return
			}
		}
	}
}

// allow gives the next frame its time: whoever does not take it is gone.
func (m *Member) allow(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(silence))
	if m.ctx.Err() != nil {
		_ = conn.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// listen takes what the client says, to its end.
func (m *Member) listen(conn net.Conn, r *bufio.Reader) {
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silence))
		f, err := readFrame(r)
		if err != nil {
			return
		}
		switch f.kind {
		case kindData:
			m.typed(f.payload)
		case kindClaim:
			m.claim()
		}
	}
}
