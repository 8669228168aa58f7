package http

import (
	"errors"
	"io"
	nethttp "net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/phonehome"
)

// callTime bounds the reading of a call.
const callTime = 10 * time.Second

// hear takes the call of a deployed system. To whom no call is expected from, nothing is read, and nothing is told: there is no such place.
func (s *Server) hear(w nethttp.ResponseWriter, r *nethttp.Request) {
	node := strings.TrimPrefix(r.URL.Path, phonehome.Path)
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !s.config.Calls.Expects(node, from.Addr().Unmap()) {
		s.notHeard(w, r, phonehome.ErrUnknown)
		return
	}
	_ = nethttp.NewResponseController(w).SetReadDeadline(time.Now().Add(callTime)) // a net/http server can
	text, err := io.ReadAll(nethttp.MaxBytesReader(w, r.Body, phonehome.MaxNote))
	if err != nil {
		s.notHeard(w, r, phonehome.ErrUnknown)
		return
	}
	if err := s.config.Calls.Hear(r.Context(), node, from.Addr().Unmap(), text); err != nil {
		s.notHeard(w, r, err)
		return
	}
	s.config.Log.Debug("deployed system has called", "peer", r.RemoteAddr, "node", node)
	w.WriteHeader(nethttp.StatusNoContent)
}

func (s *Server) notHeard(w nethttp.ResponseWriter, r *nethttp.Request, err error) {
	s.config.Log.Debug("call refused", "peer", r.RemoteAddr, "path", r.URL.Path, "reason", err)
	w.Header().Set("Connection", "close")
	status := nethttp.StatusNotFound
	if errors.Is(err, phonehome.ErrBusy) {
		status = nethttp.StatusServiceUnavailable
	}
	nethttp.Error(w, err.Error(), status)
}
