package agentlink

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// In bytes: of an agent's version, of the name of an order that it has kept, and of why that has failed.
const (
	maxVersion = 255
	maxName    = 64
	maxError   = 4 << 10
)

// Session serves one stream; gRPC calls it.
func (s *Server) Session(stream agentpb.Agents_SessionServer) (err error) {
	g, err := nodeOf(stream.Context())
	if err != nil {
		s.config.Log.Warn("agents: refused", "err", err)
		return err
	}
	defer recovered(s.config.Log, g.id.Name, &err)
	hello, err := s.hello(stream)
	if err != nil {
		s.config.Log.Warn("agents: refused", "node", g.id.Name, "err", err)
		return err
	}
	session := &Session{
		node:    g.id.Name,
		version: hello.Version,
		kept:    hello.Kept,
		proof:   sha256.Sum256(g.certificate),
		secret:  secret(),
		stream:  stream,
		log:     s.config.Log,
		turn:    make(chan struct{}, 1),
		sending: make(chan struct{}, 1),
		done:    make(chan struct{}),
		left:    make(chan struct{}),
		offers:  make(map[string]offer),
	}
	if session.boot, err = s.config.Boots.admit(session.node, g.certificate, g.leave); err != nil {
		s.config.Log.Warn("agents: refused", "node", session.node, "from", g.RemoteAddr().String(), "err", err)
		switch err {
		case errGone:
			return err
		case errCalled: // the agent may know that its connection broke before this side does
			return status.Error(codes.AlreadyExists, err.Error())
		}
		return status.Error(codes.PermissionDenied, err.Error())
	}
	defer s.config.Boots.leave(session.node, session.boot)
	s.enter(session)
	return s.serve(session)
}

// hello waits for the first message. A stream that says nothing is given up; returning from the handler ends its Recv.
func (s *Server) hello(stream agentpb.Agents_SessionServer) (*agentpb.Hello, error) {
	type first struct {
		message *agentpb.FromAgent
		err     error
	}
	got := make(chan first, 1)
	s.running.Go(func() {
		var f first
		func() {
			defer recovered(s.config.Log, "", &f.err)
			f.message, f.err = stream.Recv()
		}()
		got <- f
	})
	timer := time.NewTimer(s.config.HelloTimeout)
	defer timer.Stop()
	select {
	case f := <-got:
		if f.err != nil {
			return nil, f.err
		}
		return check(f.message.GetHello())
	case <-timer.C:
		return nil, status.Errorf(codes.DeadlineExceeded, "no Hello within %s", s.config.HelloTimeout)
	}
}

func check(h *agentpb.Hello) (*agentpb.Hello, error) {
	switch {
	case h == nil:
		return nil, status.Error(codes.InvalidArgument, "the first message must be Hello")
	case h.Protocol != agentpb.Protocol:
		return nil, otherProtocol(h.Protocol)
	case len(h.Version) > maxVersion:
		return nil, status.Error(codes.InvalidArgument, "Hello: the version is too long")
	case len(h.Kept.GetName()) > maxName || len(h.Kept.GetTransfer()) > 16 || len(h.Kept.GetKey()) > 32 || len(h.Kept.GetError()) > maxError:
		return nil, status.Error(codes.InvalidArgument, "Hello: what it has kept is no order")
	}
	return h, nil
}

// enter puts the session into the book; an older one of the same node is over: its node has booted again.
func (s *Server) enter(session *Session) {
	if old := s.book.enter(session); old != nil {
		old.end(fmt.Errorf("%w: node %s has booted again", ErrLost, session.node))
		<-old.left
	}
}

func (s *Server) serve(session *Session) error {
	defer close(session.left)
	defer s.book.remove(session)
	if err := session.stream.Send(s.welcome(session)); err != nil {
		return err // nobody was told about it yet
	}
	s.running.Go(func() { session.shield(session.receive) })
	s.config.Log.Info("agents: joined", "node", session.node, "version", session.version)
	session.shield(func() { s.config.Joined(session) })
	<-session.done
	s.config.Log.Info("agents: left", "node", session.node, "err", session.err)
	session.shield(func() { s.config.Left(session, session.err) })
	switch {
	case session.err == nil:
		return nil
	case errors.Is(session.err, ErrAway): // should it hear of it after all, it is welcome
		return status.Error(codes.Unavailable, session.err.Error())
	}
	return status.Error(codes.Aborted, session.err.Error())
}

func (s *Server) welcome(session *Session) *agentpb.ToAgent {
	w := &agentpb.Welcome{Session: session.secret}
	if s.config.Reconnect != nil {
		w.Reconnect = durationpb.New(s.config.Reconnect())
	}
	return &agentpb.ToAgent{Body: &agentpb.ToAgent_Welcome{Welcome: w}}
}

// Fetch streams a file that was offered to the session of the caller's node that its secret names; gRPC calls it.
func (s *Server) Fetch(r *agentpb.FetchRequest, stream agentpb.Agents_FetchServer) (err error) {
	g, err := nodeOf(stream.Context())
	if err != nil {
		return err
	}
	defer recovered(s.config.Log, g.id.Name, &err)
	session := s.book.find(g.id.Name, r.Session)
	if session == nil {
		return status.Error(codes.PermissionDenied, "unknown session")
	}
	f, err := session.open(r.File)
	if err != nil {
		s.config.Log.Warn("agents: fetch", "node", session.node, "file", r.File, "err", err)
		return status.Errorf(codes.NotFound, "the server cannot send %q", r.File)
	}
	defer f.Close()
	buf := make([]byte, agentpb.FetchSize)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if err := stream.Send(&agentpb.FetchChunk{Data: buf[:n]}); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			s.config.Log.Error("agents: fetch", "node", session.node, "file", r.File, "err", err)
			return status.Errorf(codes.DataLoss, "the server cannot read %q", r.File)
		}
	}
}

func secret() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails (Go 1.24)
	return b
}
