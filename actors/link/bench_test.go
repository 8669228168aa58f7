package link_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
)

// fullBatch is what a peer sends: as many requests as a batch of ours has.
func fullBatch(b *testing.B) []byte {
	b.Helper()
	p := &peer{address: there}
	m := p.batch(here, api, &message.Subscribe{Id: "D-12345678", From: 1000, Credit: 512, ClientId: "0b0f4bd4-5c33-4d0c-9a36-2f9b0c9f6d0e"})
	for len(m.Envelopes) < perBatch {
		m.Envelopes = append(m.Envelopes, proto.CloneOf(m.Envelopes[0]))
	}
	raw, err := proto.Marshal(batched(m))
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

const (
	perBatch = 4
	inRound  = 20_000 // of one round
)

// BenchmarkGuard is what the checks cost for one message of a batch, beside what decoding the batch costs the library anyway.
func BenchmarkGuard(b *testing.B) {
	raw := fullBatch(b)
	b.Run("decoded", func(b *testing.B) {
		for b.Loop() {
			for range inRound {
				if err := proto.Unmarshal(raw, &remote.RemoteMessage{}); err != nil {
					b.Fatal(err)
				}
			}
		}
		perMessage(b)
	})
	b.Run("checked", func(b *testing.B) {
		c, err := link.NewChecker(link.ServerPolicy(api), here, there, true)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			for range inRound {
				if _, err := c.Take(raw); err != nil {
					b.Fatal(err)
				}
			}
		}
		perMessage(b)
	})
}

func perMessage(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(inRound*perBatch), "ns/message")
}

// BenchmarkStream is how many messages a second come through a stream of the loopback without TLS, read as the library does, and
// with the checks before that. The pace of a policy is left out.
func BenchmarkStream(b *testing.B) {
	raw := fullBatch(b)
	for _, way := range []struct {
		name string
		read func(*testing.B) func(grpc.ServerStream) error
	}{{"plain", unchecked}, {"guarded", checked}} {
		b.Run(way.name, func(b *testing.B) {
			stream, over := streamTo(b, way.read(b))
			frame := &emptypb.Empty{}
			frame.ProtoReflect().SetUnknown(raw)
			for b.Loop() {
				for range inRound {
					if err := stream.SendMsg(frame); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := errors.Join(stream.CloseSend(), <-over); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)*inRound*perBatch/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func unchecked(*testing.B) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error { return s.RecvMsg(&remote.RemoteMessage{}) }
}

func checked(b *testing.B) func(grpc.ServerStream) error {
	c, err := link.NewChecker(link.ServerPolicy(api), here, there, true)
	if err != nil {
		b.Fatal(err)
	}
	return func(s grpc.ServerStream) error {
		frame := &emptypb.Empty{}
		if err := s.RecvMsg(frame); err != nil {
			return err
		}
		_, err := c.Take(frame.ProtoReflect().GetUnknown())
		return err
	}
}

// reader reads a stream to its end.
type reader struct {
	remote.UnimplementedRemotingServer
	read func(grpc.ServerStream) error
	over chan error
}

func (r *reader) Receive(s remote.Remoting_ReceiveServer) error {
	for {
		if err := r.read(s); errors.Is(err, io.EOF) {
			r.over <- nil
			return nil
		} else if err != nil {
			r.over <- err
			return err
		}
	}
}

func streamTo(b *testing.B, read func(grpc.ServerStream) error) (remote.Remoting_ReceiveClient, <-chan error) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	r := &reader{read: read, over: make(chan error, 1)}
	server := grpc.NewServer()
	remote.RegisterRemotingServer(server, r)
	go func() { _ = server.Serve(l) }()
	b.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	stream, err := remote.NewRemotingClient(conn).Receive(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return stream, r.over
}
