package link_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// refused waits for the end of a stream and says whether the guard ended it.
func refused(stream remote.Remoting_ReceiveClient) {
	GinkgoHelper()
	for {
		if _, err := stream.Recv(); err != nil {
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied), "%v", err)
			return
		}
	}
}

var _ = Describe("A process behind the guard", Ordered, func() {
	var (
		d *process
		p *peer
	)
	BeforeAll(func() { d = startProcess("server") })
	BeforeEach(func() { p = newPeer() })

	// unharmed asks for a sign of life; the actors must have seen nothing but legal requests.
	unharmed := func() {
		GinkgoHelper()
		p.status(d.address, "alive")
		Expect(d.session).NotTo(gexec.Exit())
		Expect(string(d.session.Out.Contents())).NotTo(ContainSubstring("received"))
	}

	It("answers legal requests, and knows where they came from", func() {
		Expect(p.status(d.address, "first").GetVersion()).To(Equal("x-peer=" + p.address))
	})

	It("takes no header from its peers", func() {
		stream := p.connect(d.address)
		b := p.request(d.address, "header")
		b.Envelopes[0].MessageHeader = &remote.MessageHeader{HeaderData: map[string]string{"x-peer": "127.0.0.1:1", "x-role": "admin"}}
		Expect(stream.Send(batched(b))).To(Succeed())
		var got *remote.MessageBatch
		Eventually(p.received).Should(Receive(&got))
		answer := &message.Status{}
		Expect(proto.Unmarshal(got.GetEnvelopes()[0].GetMessageData(), answer)).To(Succeed())
		Expect(answer.GetVersion()).To(Equal("x-peer=" + p.address))
	})

	It("takes several messages in a batch, and several batches on a stream", func() {
		stream := p.connect(d.address)
		b := p.request(d.address, "several")
		b.Envelopes = append(b.Envelopes, b.Envelopes[0], b.Envelopes[0])
		Expect(stream.Send(batched(b))).To(Succeed())
		Expect(stream.Send(batched(p.request(d.address, "more")))).To(Succeed())
		n := 0
		Eventually(func() int {
			select {
			case b := <-p.received:
				n += len(b.GetEnvelopes())
			default:
			}
			return n
		}).Should(Equal(4))
	})

	refusals := func() int {
		GinkgoHelper()
		n, err := strconv.Atoi(p.status(d.address, "count").GetConfigDir())
		Expect(err).NotTo(HaveOccurred())
		return n
	}

	It("refuses every crafted batch, counts them, and lives", func() {
		all, before := batches(), refusals()
		for _, c := range all {
			By(c.what)
			stream := p.connect(d.address)
			_ = stream.Send(batched(c.batch(p, d.address))) // the end of the stream may come first
			refused(stream)
		}
		unharmed()
		Expect(refusals()).To(Equal(before + len(all)))
		Expect(p.received).NotTo(Receive(), "a part of a crafted batch was answered")
		Expect(string(d.session.Err.Contents())).To(ContainSubstring(`msg="link: refused a peer"`))
		Expect(strings.Count(string(d.session.Err.Contents()), "\n")).To(BeNumerically("<", len(all)), "the log can be flooded")
	})

	It("refuses a batch that is larger than it would read", func() {
		before := refusals()
		stream, b := p.connect(d.address), p.request(d.address, "large")
		b.Envelopes[0].MessageData = make([]byte, 20<<20)
		_ = stream.Send(batched(b))
		_, err := stream.Recv()
		Expect(status.Code(err)).To(Equal(codes.ResourceExhausted), "%v", err)
		unharmed()
		Expect(refusals()).To(Equal(before + 1))
	})

	DescribeTable("refuses a conversation that", func(says ...func() *remote.RemoteMessage) {
		stream := open(d.address)
		for _, say := range says {
			_ = stream.Send(say())
		}
		refused(stream)
		unharmed()
	},
		Entry("begins with a batch", func() *remote.RemoteMessage { return batched(p.request(d.address, "early")) }),
		Entry("begins with nothing", func() *remote.RemoteMessage { return &remote.RemoteMessage{} }),
		Entry("begins with an answer", func() *remote.RemoteMessage {
			return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectResponse{ConnectResponse: &remote.ConnectResponse{}}}
		}),
		Entry("begins with a farewell", func() *remote.RemoteMessage {
			return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_DisconnectRequest{DisconnectRequest: &remote.DisconnectRequest{}}}
		}),
		Entry("shakes hands twice", func() *remote.RemoteMessage { return hello(p.address) }, func() *remote.RemoteMessage { return hello(p.address) }),
		Entry("shakes hands as a client that cannot be called back", func() *remote.RemoteMessage {
			return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{
				ConnectionType: &remote.ConnectRequest_ClientConnection{ClientConnection: &remote.ClientConnection{}},
			}}}
		}),
		Entry("shakes hands as nobody", func() *remote.RemoteMessage {
			return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{}}}
		}),
		Entry("gives our own address", func() *remote.RemoteMessage { return hello(d.address) }),
		Entry("gives an address of another machine", func() *remote.RemoteMessage { return hello("192.0.2.1:80") }),
		Entry("gives a name", func() *remote.RemoteMessage { return hello("localhost:80") }),
		Entry("gives the address of systems without one", func() *remote.RemoteMessage { return hello("nonhost") }),
		Entry("gives an address written oddly", func() *remote.RemoteMessage { return hello("127.0.0.1:080") }),
		Entry("gives an address in another family's clothes", func() *remote.RemoteMessage { return hello("[::ffff:127.0.0.1]:80") }),
		Entry("gives no port", func() *remote.RemoteMessage { return hello("127.0.0.1:0") }),
		Entry("gives a very long address", func() *remote.RemoteMessage { return hello("127.0.0.1:80" + strings.Repeat(" ", 1<<20)) }),
	)

	It("denies the calls that the library does not implement", func() {
		_, err := dial(d.address).ListProcesses(context.Background(), &remote.ListProcessesRequest{})
		Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		_, err = dial(d.address).GetProcessDiagnostics(context.Background(), &remote.GetProcessDiagnosticsRequest{})
		Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		unharmed()
	})

	It("hears that an actor which a session watches is gone", func() {
		stream := p.connect(d.address)
		Expect(stream.Send(batched(p.batch(d.address, api+"/session", &actor.Terminated{Who: p.pid()})))).To(Succeed())
		Eventually(d.session.Out.Contents).Should(ContainSubstring("root/api/session received *actor.Terminated"))
	})
})

var _ = Describe("A process of few connections", func() {
	It("takes no more of them, and takes new ones when old ones end", func() {
		d, p := startProcess("few"), newPeer()
		var idle []net.Conn
		for range few {
			conn, err := net.Dial("tcp", d.address)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { _ = conn.Close() })
			_, err = conn.Read(make([]byte, 1)) // the server's settings: it has taken this one
			Expect(err).NotTo(HaveOccurred())
			idle = append(idle, conn)
		}
		extra, err := net.Dial("tcp", d.address)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = extra.Close() })
		_, err = extra.Read(make([]byte, 1))
		Expect(err).To(HaveOccurred())

		Expect(idle[0].Close()).To(Succeed())
		_, err = idle[1].Write([]byte("this is not HTTP/2, and long enough to tell")) // ends it, too
		Expect(err).NotTo(HaveOccurred())
		_, err = dial(d.address).ListProcesses(context.Background(), &remote.ListProcessesRequest{})
		Expect(err).To(HaveOccurred())
		Eventually(func(g Gomega) {
			stream := open(d.address)
			g.Expect(stream.Send(hello(p.address))).To(Succeed())
			m, err := stream.Recv()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(m.GetConnectResponse()).NotTo(BeNil())
		}).Should(Succeed())
	})
})

var _ = Describe("A hasty process", func() {
	It("ends connections that do not say who they are, and no others", func() {
		d, p := startProcess("hasty"), newPeer()
		known := p.connect(d.address)
		conn, err := net.Dial("tcp", d.address)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() })
		silent := open(d.address)
		_, err = silent.Recv()
		Expect(status.Code(err)).To(Equal(codes.Unavailable), "%v", err)
		_, _ = io.Copy(io.Discard, conn) // returns when it has ended
		Expect(known.Send(batched(p.request(d.address, "known")))).To(Succeed())
		Eventually(p.received).Should(Receive())
	})

	DescribeTable("gives up a peer that", func(how func(*peer)) {
		d, p := startProcess("hasty"), newPeer(how)
		stream := p.connect(d.address)
		for range 20 { // gRPC itself takes a few messages that are not read
			Expect(stream.Send(batched(p.batch(d.address, api, &message.StatusRequest{Id: large})))).To(Succeed())
		}
		Eventually(p.hungUp).Should(Receive())
		newPeer().status(d.address, "another")
	},
		Entry("does not answer its handshake", func(p *peer) { p.mute = true }),
		Entry("does not read its answers", func(p *peer) { p.deaf = true }),
	)
})
