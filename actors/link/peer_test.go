package link_test

import (
	"context"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// peer is a process that speaks the library's protocol by hand: it may say what no library would.
type peer struct {
	remote.UnimplementedRemotingServer
	address  string
	received chan *remote.MessageBatch
	mute     bool          // does not answer handshakes
	deaf     bool          // reads nothing after them
	hungUp   chan struct{} // the other side has ended the stream that a mute or deaf peer left alone
}

func newPeer(how ...func(*peer)) *peer {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	p := &peer{address: l.Addr().String(), received: make(chan *remote.MessageBatch, 100), hungUp: make(chan struct{}, 1)}
	for _, f := range how {
		f(p)
	}
	s := grpc.NewServer()
	remote.RegisterRemotingServer(s, p)
	go func() { _ = s.Serve(l) }()
	DeferCleanup(s.Stop)
	return p
}

// Receive is where the other side's library sends its answers.
func (p *peer) Receive(stream remote.Remoting_ReceiveServer) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetConnectRequest() != nil && p.mute {
			return p.wait(stream)
		}
		if m.GetConnectRequest() != nil {
			if err := stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectResponse{ConnectResponse: &remote.ConnectResponse{}}}); err != nil {
				return err
			}
			if p.deaf {
				return p.wait(stream)
			}
			continue
		}
		p.received <- m.GetMessageBatch()
	}
}

func (p *peer) wait(stream remote.Remoting_ReceiveServer) error {
	<-stream.Context().Done()
	p.hungUp <- struct{}{}
	return nil
}

// pid is an actor of the peer's.
func (p *peer) pid() *actor.PID { return &actor.PID{Address: p.address, Id: "inbox"} }

// dial opens a connection of its own.
func dial(address string) remote.RemotingClient {
	GinkgoHelper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(64<<20)))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	return remote.NewRemotingClient(conn)
}

// open opens a stream and says nothing on it.
func open(address string) remote.Remoting_ReceiveClient {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	DeferCleanup(cancel)
	stream, err := dial(address).Receive(ctx)
	Expect(err).NotTo(HaveOccurred())
	return stream
}

// connect opens a stream and shakes hands.
func (p *peer) connect(address string) remote.Remoting_ReceiveClient {
	GinkgoHelper()
	stream := open(address)
	Expect(stream.Send(hello(p.address))).To(Succeed())
	m, err := stream.Recv()
	Expect(err).NotTo(HaveOccurred())
	Expect(m.GetConnectResponse()).NotTo(BeNil())
	return stream
}

// status asks the api, legally, and returns its answer.
func (p *peer) status(address, id string) *message.Status {
	GinkgoHelper()
	stream := p.connect(address)
	Expect(stream.Send(batched(p.request(address, id)))).To(Succeed())
	var b *remote.MessageBatch
	Eventually(p.received).Should(Receive(&b))
	Expect(b.GetTypeNames()).To(Equal([]string{"kadeploy.v1.Status"}))
	s := &message.Status{}
	Expect(proto.Unmarshal(b.GetEnvelopes()[0].GetMessageData(), s)).To(Succeed())
	Expect(s.GetClientId()).To(Equal(id))
	Expect(stream.CloseSend()).To(Succeed())
	return s
}

// request is a legal batch: what the crafted ones are made of.
func (p *peer) request(address, id string) *remote.MessageBatch {
	return p.batch(address, api, &message.StatusRequest{ClientId: id, Id: secret})
}

// batch sends m to one actor.
func (p *peer) batch(address, to string, m proto.Message) *remote.MessageBatch {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err) // a misuse: the fuzzing comes here, too, without a spec that could fail
	}
	return &remote.MessageBatch{
		TypeNames: []string{string(proto.MessageName(m))},
		Targets:   []*actor.PID{{Address: address, Id: to}},
		Senders:   []*actor.PID{p.pid()},
		Envelopes: []*remote.MessageEnvelope{{MessageData: data, Sender: 1}},
	}
}

func batched(b *remote.MessageBatch) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: b}}
}

func hello(address string) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{
		ConnectionType: &remote.ConnectRequest_ServerConnection{ServerConnection: &remote.ServerConnection{SystemId: "peer", Address: address}},
	}}}
}
