package link_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// peer is a client that speaks the library's protocol by hand, and parks its connections by hand: it may say what no client would.
type peer struct {
	remote.UnimplementedRemotingServer
	own      *pki.Wallet
	address  string
	received chan *remote.MessageBatch
	mute     bool          // does not answer handshakes
	deaf     bool          // reads nothing after them
	hungUp   chan struct{} // the other side has ended the stream that a mute or deaf peer left alone
}

// newPeer is a client of alice's that has parked a connection at the daemon.
func newPeer(d *process, how ...func(*peer)) *peer {
	GinkgoHelper()
	p := &peer{own: walletOf(alice), address: randomAddress(), received: make(chan *remote.MessageBatch, 100), hungUp: make(chan struct{}, 1)}
	for _, f := range how {
		f(p)
	}
	conns := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(pki.ServerTLS(p.own))))
	remote.RegisterRemotingServer(s, p)
	go func() { _ = s.Serve(conns) }()
	first := p.park(d)
	ctx, cancel := context.WithCancel(context.Background())
	parked := make(chan struct{})
	go func() {
		defer close(parked)
		p.serve(ctx, d, first, conns)
	}()
	DeferCleanup(func() { cancel(); <-parked; s.Stop() })
	return p
}

// serve answers on the parked connection when the daemon takes it, and parks the next.
func (p *peer) serve(ctx context.Context, d *process, conn *tls.Conn, to *handed) {
	for {
		stop := context.AfterFunc(ctx, func() { conn.NetConn().Close() })
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil {
			conn.Close()
			return
		}
		stop()
		to.conns <- &begun{Conn: conn, first: b}
		var err error
		if conn, err = parkAt(d.port, p.own, p.address); err != nil {
			return
		}
	}
}

// park knocks until it is let in: who is pushed out of a crowd comes again.
func (p *peer) park(d *process) (conn *tls.Conn) {
	GinkgoHelper()
	Eventually(func() (err error) {
		conn, err = parkAt(d.port, p.own, p.address)
		return err
	}).Should(Succeed())
	return conn
}

// parkAt speaks as park.go says.
func parkAt(port string, own pki.Credentials, address string) (*tls.Conn, error) {
	c := pki.ClientTLS(own)
	c.NextProtos = []string{"kadeploy-park/1"}
	conn, err := tls.Dial("tcp", port, c)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(append([]byte{byte(len(address))}, address...)); err != nil {
		return nil, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 0 {
		conn.Close()
		return nil, errParking
	}
	return conn, conn.SetDeadline(time.Time{})
}

type parkingError string

func (e parkingError) Error() string { return string(e) }

const errParking = parkingError("not let in")

func randomAddress() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return "client-" + hex.EncodeToString(b) + ":1"
}

// handed is a listener of connections that are there already.
type handed struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}
func (h *handed) Close() error { close(h.closed); return nil }
func (*handed) Addr() net.Addr { return &net.TCPAddr{} }

// begun is a connection of which some bytes were read.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
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

// daemon is the address of every daemon.
const daemon = link.DaemonAddress

// pid is an actor of the peer's.
func (p *peer) pid() *actor.PID { return &actor.PID{Address: p.address, Id: "inbox"} }

// dial opens a connection of its own.
func (p *peer) dial(d *process) remote.RemotingClient {
	GinkgoHelper()
	return dialAs(d, pki.ClientTLS(p.own))
}

func dialAs(d *process, c *tls.Config) remote.RemotingClient {
	GinkgoHelper()
	conn, err := grpc.NewClient(d.port, grpc.WithTransportCredentials(credentials.NewTLS(c)),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(64<<20)))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	return remote.NewRemotingClient(conn)
}

// open opens a stream and says nothing on it.
func (p *peer) open(d *process) remote.Remoting_ReceiveClient {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	DeferCleanup(cancel)
	stream, err := p.dial(d).Receive(ctx)
	Expect(err).NotTo(HaveOccurred())
	return stream
}

// connect opens a stream and shakes hands.
func (p *peer) connect(d *process) remote.Remoting_ReceiveClient {
	GinkgoHelper()
	stream := p.open(d)
	Expect(stream.Send(hello(p.address))).To(Succeed())
	m, err := stream.Recv()
	Expect(err).NotTo(HaveOccurred())
	Expect(m.GetConnectResponse()).NotTo(BeNil())
	return stream
}

// status asks the api, legally, and returns its answer.
func (p *peer) status(d *process, id string) *message.Status {
	GinkgoHelper()
	stream := p.connect(d)
	Expect(stream.Send(batched(p.request(daemon, id)))).To(Succeed())
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
