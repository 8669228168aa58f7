package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/power"
)

// What a Rack and a Remote say to each other is HTTP over a unix socket in the directory of the disks, which is its owner's alone:
//
//	POST /power                        an order, answered by outcome; it ends when the connection does
//	GET /console?node=NODE             the last lines
//	GET /console?node=NODE&follow=1    those and all that come
const (
	socketName = ".socket"
	maxOrder   = 4 << 10 // bytes
)

// order is what is asked of a machine's power.
type order struct {
	Node  string
	Op    power.Op
	Level power.Level
}

// outcome is what became of it.
type outcome struct {
	Status power.Status
	Error  string // "": done
}

// Listen opens the socket on which another process finds the machines (Find). A socket that a dead owner left is replaced: the disks are
// this rack's alone, and so is what lies beside them.
func (r *Rack) Listen() (net.Listener, error) {
	path := filepath.Join(r.cfg.Dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sandbox socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("sandbox socket (at most 107 bytes): %w", err)
	}
	return listener, os.Chmod(path, 0o600)
}

// Serve answers who asks for the machines, until ctx ends. Then orders under way are given up, as by Do, and the listener is closed.
func (r *Rack) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /power", r.servePower)
	mux.HandleFunc("GET /console", r.serveConsole)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxOrder,
		ErrorLog: slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("sandbox socket: %w", err)
	}
	return nil
}

func (r *Rack) servePower(w http.ResponseWriter, q *http.Request) {
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, q.Body, maxOrder)).Decode(&o); err != nil {
		http.Error(w, "not an order: "+err.Error(), http.StatusBadRequest)
		return
	}
	status, err := r.Do(q.Context(), power.Target{Name: o.Node}, o.Op, o.Level)
	done := outcome{Status: status}
	if err != nil {
		done.Error = err.Error()
	}
	_ = json.NewEncoder(w).Encode(done) // who asked may have gone
}

func (r *Rack) serveConsole(w http.ResponseWriter, q *http.Request) {
	node := q.FormValue("node")
	if q.FormValue("follow") == "" {
		_, _ = fmt.Fprintln(w, strings.Join(r.Console(node), "\n"))
		return
	}
	if r.machines[node] == nil {
		http.Error(w, unknown(node).Error(), http.StatusNotFound)
		return
	}
	_ = r.Follow(q.Context(), node, flushed{w, http.NewResponseController(w)})
}

// flushed sends at once what is written.
type flushed struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	return n, errors.Join(err, f.c.Flush())
}
