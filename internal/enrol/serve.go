package enrol

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// limits are what one connection may take, and how many there may be. Whatever is over is closed.
type limits struct {
	header, request, answer time.Duration // until the request's header has come (and before it, TLS), all of it, and the answer is read
	most, mostOfOne         int           // connections: of all, of one address or user
	farewell                time.Duration // how long answers under way are waited for at the end
}

var usual = limits{
	header: 5 * time.Second, request: 10 * time.Second, answer: 10 * time.Second,
	most: 256, mostOfOne: 16,
	farewell: 2 * time.Second,
}

// serve returns when the last connection is closed.
func (l limits) serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: l.header,
		ReadTimeout:       l.request,
		WriteTimeout:      l.answer,
		MaxHeaderBytes:    4 << 10,
		ConnContext:       connContext,
		ErrorLog:          log.New(io.Discard, "", 0), // broken handshakes are the other side's affair, and as many as it likes
	}
	server.SetKeepAlivesEnabled(false) // one request is all there is to ask
	ctx, end := context.WithCancel(ctx)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), l.farewell)
		defer cancel()
		if server.Shutdown(late) != nil {
			server.Close()
		}
	}()
	err := server.Serve(listener)
	end()
	<-closed
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
