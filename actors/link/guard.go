package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// guard stands between gRPC and the library.
type guard struct {
	kinds   kinds
	address func() string // ours, known once the library listens
	log     *slog.Logger

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
	s := &guardedStream{ServerStream: stream, guard: g, conversation: conversation{kinds: g.kinds, self: g.address()}}
	defer func() {
		if p := recover(); p != nil {
			g.log.Error("link: a message made the library panic", "peer", s.peer, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = g.refuse(s.peer, errors.New("a message that cannot be handled"))
		}
	}()
	return handler(srv, s)
}

// guardedStream is what the library reads from. It is read by one goroutine.
type guardedStream struct {
	grpc.ServerStream
	guard *guard
	conversation
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
	taken, err := s.take(frame.ProtoReflect().GetUnknown())
	if err != nil {
		return s.guard.refuse(s.peer, err)
	}
	if p, ok := peer.FromContext(s.Context()); ok {
		greeted(p.AuthInfo)
	}
	out.MessageType = taken.MessageType
	return nil
}

// unread tells what the peer did wrong from the end of a stream.
func (s *guardedStream) unread(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return s.guard.refuse(s.peer, fmt.Errorf("a batch of more than %d bytes", maxBatch))
	case codes.Internal:
		return s.guard.refuse(s.peer, errEncoding)
	}
	return err
}
