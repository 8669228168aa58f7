package link

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// internal is a listener whose connections come from elsewhere in the process, and the HTTP server behind it. Requests see the
// client's certificate, which was checked, in their TLS state; there may be none.
type internal struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	server *http.Server
}

func serveWeb(handler http.Handler) *internal {
	w := &internal{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // what clients break is as much as they like
	}
	go func() { _ = w.server.Serve(w) }()
	return w
}

// give hands over a connection; false when the server is closed.
func (w *internal) give(conn *tls.Conn) bool {
	select {
	case w.conns <- conn:
		return true
	case <-w.closed:
		return false
	}
}

// Accept implements net.Listener.
func (w *internal) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (w *internal) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// Addr implements net.Listener.
func (w *internal) Addr() net.Addr { return &net.TCPAddr{} }

func (w *internal) end() {
	_ = w.Close()
	_ = w.server.Close()
}
