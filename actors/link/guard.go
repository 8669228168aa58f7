package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// guard stands between gRPC and the library.
type guard struct {
	policy Policy
	kinds  kinds
	self   string // our address
	claim  func(who pki.Identity, address string) (release func(), err error)
	log    *slog.Logger

	mu      sync.Mutex
	streams map[pki.Identity]int

	refused atomic.Int64
	logged  atomic.Int64 // when, in nanoseconds: one line a second at most, or whoever is refused fills the disk
}

// refuse counts and logs a violation and is what the peer is told.
func (g *guard) refuse(who string, why error) error {
	n := g.refused.Add(1)
	now, last := time.Now().UnixNano(), g.logged.Load()
	if now-last >= int64(time.Second) && g.logged.CompareAndSwap(last, now) {
		g.log.Warn("link: refused a peer", "peer", who, "sent", why.Error(), "refused", n)
	}
	return status.Error(codes.PermissionDenied, "the link refuses "+why.Error())
}

// unary denies every call: the link needs none, and each of the two that the library offers panics.
func (g *guard) unary(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	return nil, g.refuse("", errors.New("calls"))
}

// stream lets the library read from a stream through the guard. A panic that a message causes all the same ends the stream only.
func (g *guard) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	s, err := g.open(stream)
	if err != nil {
		return g.refuse("", err)
	}
	defer s.close()
	defer func() {
		if p := recover(); p != nil {
			g.log.Error("link: a message made the library panic", "peer", s.who(), "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = g.refuse(s.who(), errors.New("a message that cannot be handled"))
		}
	}()
	return handler(srv, s)
}

// guardedStream is what the library reads from. It is read by one goroutine.
type guardedStream struct {
	grpc.ServerStream
	guard   *guard
	conn    *connection
	pace    pace
	release func() // of the peer's address; nil before the handshake
	conversation
}

// open counts a stream of whom its connection is.
func (g *guard) open(stream grpc.ServerStream) (*guardedStream, error) {
	p, ok := peer.FromContext(stream.Context())
	if !ok {
		return nil, errors.New("a stream of nobody")
	}
	conn, ok := p.AuthInfo.(*connection)
	if !ok {
		return nil, errors.New("a stream of nobody")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams[conn.identity] >= g.policy.Streams {
		return nil, fmt.Errorf("a stream when %s has %d", conn.identity, g.policy.Streams)
	}
	g.streams[conn.identity]++
	s := &guardedStream{ServerStream: stream, guard: g, conn: conn, pace: newPace(g.policy)}
	s.conversation = conversation{kinds: g.kinds, self: g.self, identity: conn.identity, claim: s.claims}
	return s, nil
}

func (s *guardedStream) claims(address string) (err error) {
	s.release, err = s.guard.claim(s.identity, address)
	return err
}

func (s *guardedStream) close() {
	if s.release != nil {
		s.release()
	}
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	if s.guard.streams[s.identity]--; s.guard.streams[s.identity] == 0 {
		delete(s.guard.streams, s.identity)
	}
}

// RecvMsg gives the library the next message, or the end of the stream when it may not have it.
func (s *guardedStream) RecvMsg(m any) error {
	out, ok := m.(*remote.RemoteMessage)
	if !ok {
		return status.Errorf(codes.Internal, "link: the library reads a %T", m)
	}
	// An empty message keeps all that it does not know as it came: the bytes, checked before anything is made of them.
	frame := &emptypb.Empty{}
	if err := s.ServerStream.RecvMsg(frame); err != nil {
		return s.unread(err)
	}
	raw := frame.ProtoReflect().GetUnknown()
	taken, err := s.take(raw)
	if err != nil {
		return s.guard.refuse(s.who(), err)
	}
	s.conn.silent.Stop()
	if err := s.pace.wait(s.Context(), len(taken.GetMessageBatch().GetEnvelopes()), len(raw)); err != nil {
		return err
	}
	out.MessageType = taken.MessageType
	return nil
}

// who is for the log: whom the certificate names, and where the peer is.
func (s *guardedStream) who() string {
	return s.identity.String() + " " + s.conn.RemoteAddr().String()
}

// unread tells what the peer did wrong from the end of a stream.
func (s *guardedStream) unread(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return s.guard.refuse(s.who(), fmt.Errorf("a batch of more than %d bytes", maxBatch))
	case codes.Internal:
		return s.guard.refuse(s.who(), errEncoding)
	}
	return err
}
