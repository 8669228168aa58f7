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
	BeforeEach(func() { p = newPeer(d) })

	// unharmed asks for a sign of life; the actors must have seen nothing but legal requests.
	unharmed := func() {
		GinkgoHelper()
		p.status(d, "alive")
		Expect(d.session).NotTo(gexec.Exit())
		Expect(string(d.session.Out.Contents())).NotTo(ContainSubstring("received"))
	}

	It("answers legal requests, and knows where they came from", func() {
		Expect(p.status(d, "first").GetVersion()).To(Equal("x-identity=ka://user/alice x-peer=" + p.address))
	})

	It("takes no header from its peers", func() {
		stream := p.connect(d)
		b := p.request(daemon, "header")
		b.Envelopes[0].MessageHeader = &remote.MessageHeader{HeaderData: map[string]string{"x-peer": daemon, "x-identity": "ka://user/bob", "x-role": "admin"}}
		Expect(stream.Send(batched(b))).To(Succeed())
		var got *remote.MessageBatch
		Eventually(p.received).Should(Receive(&got))
		answer := &message.Status{}
		Expect(proto.Unmarshal(got.GetEnvelopes()[0].GetMessageData(), answer)).To(Succeed())
		Expect(answer.GetVersion()).To(Equal("x-identity=ka://user/alice x-peer=" + p.address))
	})

	It("takes several messages in a batch, and several batches on a stream", func() {
		stream := p.connect(d)
		b := p.request(daemon, "several")
		b.Envelopes = append(b.Envelopes, b.Envelopes[0], b.Envelopes[0])
		Expect(stream.Send(batched(b))).To(Succeed())
		Expect(stream.Send(batched(p.request(daemon, "more")))).To(Succeed())
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
		n, err := strconv.Atoi(p.status(d, "count").GetConfigDir())
		Expect(err).NotTo(HaveOccurred())
		return n
	}

	It("refuses every crafted batch, counts them, and lives", func() {
		all, before := batches(), refusals()
		for _, c := range all {
			By(c.what)
			stream := p.connect(d)
			_ = stream.Send(batched(c.batch(p, daemon))) // the end of the stream may come first
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
		stream, b := p.connect(d), p.request(daemon, "large")
		b.Envelopes[0].MessageData = make([]byte, 20<<20)
		_ = stream.Send(batched(b))
		_, err := stream.Recv()
		Expect(status.Code(err)).To(Equal(codes.ResourceExhausted), "%v", err)
		unharmed()
		Expect(refusals()).To(Equal(before + 1))
	})

	DescribeTable("refuses a conversation that", func(says ...func() *remote.RemoteMessage) {
		stream := p.open(d)
		for _, say := range says {
			_ = stream.Send(say())
		}
		refused(stream)
		unharmed()
	},
		Entry("begins with a batch", func() *remote.RemoteMessage { return batched(p.request(daemon, "early")) }),
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
		Entry("gives our own address", func() *remote.RemoteMessage { return hello(daemon) }),
		Entry("gives an address where it has parked nothing", func() *remote.RemoteMessage { return hello(randomAddress()) }),
		Entry("gives an address of another machine", func() *remote.RemoteMessage { return hello("192.0.2.1:80") }),
		Entry("gives a name", func() *remote.RemoteMessage { return hello("localhost:80") }),
		Entry("gives the address of systems without one", func() *remote.RemoteMessage { return hello("nonhost") }),
		Entry("gives its address written oddly", func() *remote.RemoteMessage { return hello(strings.ToUpper(p.address)) }),
		Entry("gives nothing", func() *remote.RemoteMessage { return hello("") }),
		Entry("gives a very long address", func() *remote.RemoteMessage { return hello(p.address + strings.Repeat(" ", 1<<20)) }),
	)

	It("denies the calls that the library does not implement", func() {
		_, err := p.dial(d).ListProcesses(context.Background(), &remote.ListProcessesRequest{})
		Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		_, err = p.dial(d).GetProcessDiagnostics(context.Background(), &remote.GetProcessDiagnosticsRequest{})
		Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		unharmed()
	})

	It("hears that an actor which a session watches is gone", func() {
		stream := p.connect(d)
		Expect(stream.Send(batched(p.batch(daemon, api+"/session", &actor.Terminated{Who: p.pid()})))).To(Succeed())
		Eventually(d.session.Out.Contents).Should(ContainSubstring("root/api/session received *actor.Terminated"))
	})
})

var _ = Describe("A process of few connections", func() {
	It("takes no more of them, and takes new ones when old ones end", func() {
		d := startProcess("few")
		p := newPeer(d) // the first: it is parked
		p.connect(d)
		last := p.park(d)
		extra := func(g Gomega) {
			conn, err := parkAt(d.port, walletOf(bob), randomAddress())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(conn.Close()).To(Succeed())
		}
		Expect(InterceptGomegaFailure(func() { extra(Default) })).To(HaveOccurred())
		Expect(last.Close()).To(Succeed())
		Eventually(extra).Should(Succeed())
	})
})

var _ = Describe("A hasty process", func() {
	It("ends connections that do not say who they are, or what they want, and no others", func() {
		d := startProcess("hasty")
		p := newPeer(d)
		known := p.connect(d)
		conn, err := net.Dial("tcp", d.port)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() })
		silent := p.open(d)
		_, err = silent.Recv()
		Expect(status.Code(err)).To(Equal(codes.Unavailable), "%v", err)
		_, _ = io.Copy(io.Discard, conn) // returns when it has ended
		Expect(known.Send(batched(p.request(daemon, "known")))).To(Succeed())
		Eventually(p.received).Should(Receive())
	})

	DescribeTable("gives up a peer that", func(how func(*peer)) {
		d := startProcess("hasty")
		p := newPeer(d, how)
		stream := p.connect(d)
		for range 20 { // gRPC itself takes a few messages that are not read
			Expect(stream.Send(batched(p.batch(daemon, api, &message.StatusRequest{Id: large})))).To(Succeed())
		}
		Eventually(p.hungUp).Should(Receive())
		newPeer(d).status(d, "another")
	},
		Entry("does not answer its handshake", func(p *peer) { p.mute = true }),
		Entry("does not read its answers", func(p *peer) { p.deaf = true }),
	)
})
