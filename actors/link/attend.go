package link

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// attend ends the streams that we open when their peers do not answer the handshake, or do not read what they are sent, in time.
// The library would wait for ever, and keep all that it is given to send meanwhile. To it this looks like a lost connection.
func attend(patience time.Duration) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		ctx, cancel := context.WithCancel(ctx)
		stream, err := open(ctx, desc, conn, method, opts...)
		if err != nil {
			cancel()
			return nil, err
		}
		return &attended{ClientStream: stream, patience: patience, cancel: cancel}, nil
	}
}

type attended struct {
	grpc.ClientStream
	patience time.Duration
	cancel   context.CancelFunc
	answered atomic.Bool
}

func (s *attended) SendMsg(m any) error {
	defer time.AfterFunc(s.patience, s.cancel).Stop()
	return s.ClientStream.SendMsg(m)
}

// RecvMsg is called until it fails.
func (s *attended) RecvMsg(m any) error {
	if !s.answered.Swap(true) {
		defer time.AfterFunc(s.patience, s.cancel).Stop()
	}
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.cancel()
	}
	return err
}
