// Package http serves kernels, boot profiles and loaders over HTTP to machines that start from the network: iPXE and the HTTP boot of
// UEFI fetch them several times faster than over TFTP.
//
// A Server only reads, only what its tree has (package tree); ranges and HEAD are understood (RFC 9110, sections 14 and 9.3.2). It hears the
// calls of deployed systems, POST /phone-home/NODE (package phonehome). The number
// of its connections, the length of a request's header and the time of a transfer are bounded. It is open to anyone who can reach its
// address: what may be seen is what the profiles name.
package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/phonehome"
	"github.com/kadeploy/kadeploy/pxe/tree"
)

// Config of a server.
type Config struct {
	Listen string // host:port; port 0 for any
	Root   string // directory that is served
	// Serves says whether a file, by its clean name below Root, may be had; nil: every one.
	Serves func(name string) bool
	Calls  *phonehome.Book // of deployed systems; nil: none is heard
	Log    *slog.Logger

	MaxConnections int           // at once; 4096 when 0
	MaxTime        time.Duration // of one answer; 10 minutes when 0
	IdleTime       time.Duration // of a connection between two requests, and for a request's header; 30 seconds when 0
}

const maxHeader = 8 << 10 // bytes of a request's header

// Server answers requests until it is closed.
type Server struct {
	config Config
	tree   *tree.Tree
	addr   net.Addr
	http   *nethttp.Server
	done   chan struct{} // closed once nothing is accepted any more
	open   connections
}

// Start opens the root and the socket and serves. Its error is one line that says what to change.
func Start(c Config) (*Server, error) {
	c.MaxConnections = cmp.Or(c.MaxConnections, 4096)
	c.MaxTime = cmp.Or(c.MaxTime, 10*time.Minute)
	c.IdleTime = cmp.Or(c.IdleTime, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	files, err := tree.Open(c.Root, c.Serves, c.Log)
	if err != nil {
		return nil, fmt.Errorf("netboot http: %w", err)
	}
	listener, err := listen(c.Listen)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	s := &Server{config: c, tree: files, addr: listener.Addr(), done: make(chan struct{}), open: connections{most: c.MaxConnections}}
	s.http = &nethttp.Server{
		Handler: nethttp.HandlerFunc(s.answer), ConnState: s.open.changed,
		ReadHeaderTimeout: c.IdleTime, IdleTimeout: c.IdleTime, ReadTimeout: c.MaxTime, WriteTimeout: c.MaxTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	go s.serve(listener)
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close refuses new requests and waits for the answers under way; those that last longer than ctx are cut.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return errors.Join(err, s.tree.Close())
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.done)
	if err := s.http.Serve(listener); !errors.Is(err, nethttp.ErrServerClosed) {
		s.config.Log.Error("netboot http server stopped", "listen", s.config.Listen, "error", err)
	}
}

// answer sends one file; net/http hands its descriptor to the kernel (sendfile).
func (s *Server) answer(w nethttp.ResponseWriter, r *nethttp.Request) {
	if s.config.Calls != nil && r.Method == nethttp.MethodPost && strings.HasPrefix(r.URL.Path, phonehome.Path) {
		s.hear(w, r)
		return
	}
	if r.Method != nethttp.MethodGet && r.Method != nethttp.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		nethttp.Error(w, "only GET and HEAD", nethttp.StatusMethodNotAllowed)
		return
	}
	f, info, err := s.tree.Open(r.URL.Path)
	if err != nil {
		s.config.Log.Debug("netboot http request refused", "peer", r.RemoteAddr, "file", r.URL.Path, "error", err)
		nethttp.Error(w, err.Error(), nethttp.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", contentType(info.Name()))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	nethttp.ServeContent(w, r, "", info.ModTime(), f)
	s.config.Log.Debug("netboot http request", "peer", r.RemoteAddr, "file", r.URL.Path, "bytes", info.Size())
}

// contentType is by name only: the HTTP boot of UEFI looks at it (UEFI 2.10, 24.7.3), nobody else does.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".efi":
		return "application/efi"
	case ".ipxe", ".cfg":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// connections closes those that are too many. It does not wrap them: a wrapped connection has no sendfile.
type connections struct {
	most int
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (c *connections) changed(conn net.Conn, state nethttp.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case nethttp.StateNew:
		if len(c.open) >= c.most {
			conn.Close()
			return
		}
		if c.open == nil {
			c.open = make(map[net.Conn]struct{})
		}
		c.open[conn] = struct{}{}
	case nethttp.StateClosed, nethttp.StateHijacked:
		delete(c.open, conn)
	}
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("netboot http: %s is in use by another program: stop it or change http_listen", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("netboot http: %s needs the right to bind a port below 1024: grant CAP_NET_BIND_SERVICE or change http_listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("netboot http: %s is no address of this machine: change http_listen", address)
	case err != nil:
		return nil, fmt.Errorf("netboot http: %w", err)
	}
	return listener, nil
}
