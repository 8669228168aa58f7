package tftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/pin/tftp/v3"

	"github.com/kadeploy/kadeploy/pxe/tree"
)

// What peers are told beside the errors of the tree; the library sends it as an error packet.
var (
	errBusy     = errors.New("too many transfers, try again later")
	errClosing  = errors.New("server is stopping")
	errInternal = errors.New("internal error")
)

// read answers one read request; the library calls it in a goroutine of its own.
func (s *Server) read(name string, to io.ReaderFrom) (err error) {
	start := time.Now()
	t := Transfer{Peer: peer(to), File: name}
	defer func() {
		// The library packs the peer's own options into a packet without looking at its length: a request made for
		// it panics in here, and must cost nobody else.
		if p := recover(); p != nil {
			err = errInternal
			t.Err = fmt.Errorf("request not understood: %v", p)
		}
		t.Took = time.Since(start)
		s.ended(t)
	}()

	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		t.Err = errBusy
		return errBusy
	}
	t.Bytes, t.Err = s.send(name, to)
	return t.Err
}

func (s *Server) send(name string, to io.ReaderFrom) (int64, error) {
	if s.ctx.Err() != nil {
		return 0, errClosing
	}
	f, info, err := s.tree.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size := info.Size()
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.config.MaxTime, fmt.Errorf("longer than %v", s.config.MaxTime))
	defer cancel()
	if sized, ok := to.(tftp.OutgoingTransfer); ok {
		sized.SetSize(size)
	}
	n, err := to.ReadFrom(&reader{ctx: ctx, r: io.LimitReader(f, size)})
	if err != nil && n == 0 && strings.HasPrefix(err.Error(), "sending block 0: code=") {
		err = ErrAborted // the library has no type for the peer's error packet, only this text
	}
	return n, err
}

func (s *Server) ended(t Transfer) {
	log := s.config.Log.With("peer", t.Peer, "file", t.File, "bytes", t.Bytes, "took", t.Took)
	switch {
	case t.Err == nil:
		log.Debug("tftp transfer")
	case errors.Is(t.Err, ErrAborted), errors.Is(t.Err, tree.ErrNotFound): // how firmware asks for sizes and tries names
		log.Debug("tftp transfer failed", "error", t.Err)
	default:
		log.Info("tftp transfer failed", "error", t.Err)
	}
	if s.config.Observe != nil {
		s.config.Observe(t)
	}
}

func peer(to io.ReaderFrom) netip.AddrPort {
	if t, ok := to.(tftp.OutgoingTransfer); ok {
		addr := t.RemoteAddr()
		ap := addr.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// reader ends a transfer at its next block once ctx has ended.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
