package agentlink_test

import (
	"net"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

func nothing() agentlink.Config {
	return agentlink.Config{
		Admit:  func(string, string) error { return nil },
		Joined: func(*agentlink.Session) {},
		Left:   func(*agentlink.Session, error) {},
	}
}

var _ = Describe("Start", func() {
	It("says in one line that the port is in use", func() {
		d := open(nil)
		cfg := nothing()
		cfg.Listen = d.Addr().String()
		_, err := agentlink.Start(cfg)
		Expect(err).To(MatchError("agents: listen on " + cfg.Listen + ": bind: address already in use"))
	})

	It("listens on loopback only", func() {
		cfg := nothing()
		cfg.Listen = "0.0.0.0:0"
		_, err := agentlink.Start(cfg)
		Expect(err).To(MatchError(ContainSubstring("must be a loopback one")))
	})

	It("wants an address", func() {
		cfg := nothing()
		cfg.Listen = "somewhere"
		_, err := agentlink.Start(cfg)
		Expect(err).To(MatchError(`agents: listen on "somewhere": want IP:PORT`))
	})
})

var _ = Describe("An agent that calls", func() {
	code := func(err error) codes.Code { return status.Code(err) }

	It("is welcomed with a secret and becomes a session of its node", func() {
		d := open(nil)
		p := join(d, "node-1")
		Expect(p.secret).To(HaveLen(32))
		s := d.session(1)
		Expect(s.Node()).To(Equal("node-1"))
		Expect(s.Version()).To(Equal("spec"))
		Consistently(s.Done(), "50ms").ShouldNot(BeClosed())
	})

	DescribeTable("is refused",
		func(want codes.Code, change func(*agentpb.Hello)) {
			d := open(nil)
			h := hello("node-1")
			change(h)
			err := connect(d).hello(h)
			Expect(code(err)).To(Equal(want), "%v", err)
			Expect(err.Error()).NotTo(ContainSubstring("token-of"))
			Expect(d.left()).To(BeEmpty(), "nobody was told of it")
		},
		Entry("with a wrong token", codes.PermissionDenied, func(h *agentpb.Hello) { h.Token = "token-of-node-2" }),
		Entry("with no token", codes.InvalidArgument, func(h *agentpb.Hello) { h.Token = "" }),
		Entry("with no name", codes.InvalidArgument, func(h *agentpb.Hello) { h.Node = "" }),
		Entry("with a name of a kilobyte", codes.InvalidArgument, func(h *agentpb.Hello) { h.Node = strings.Repeat("n", 1024) }),
		Entry("with another protocol", codes.FailedPrecondition, func(h *agentpb.Hello) { h.Protocol = 2 }),
		Entry("with more than a message may hold", codes.ResourceExhausted, func(h *agentpb.Hello) { h.Version = strings.Repeat("v", agentpb.MaxReport) }),
	)

	It("is refused when it says something else first", func() {
		p := connect(open(nil))
		p.answer(1, "")
		_, err := p.Recv()
		Expect(code(err)).To(Equal(codes.InvalidArgument))
	})

	It("is given up when it says nothing", func() {
		d := open(func(c *agentlink.Config) { c.HelloTimeout = 50 * time.Millisecond })
		_, err := connect(d).Recv()
		Expect(code(err)).To(Equal(codes.DeadlineExceeded))
	})

	It("does not get in with a token that was used, while its session lives and after", func() {
		d := open(nil)
		p := join(d, "node-1")
		Expect(code(connect(d).hello(hello("node-1")))).To(Equal(codes.PermissionDenied))
		Consistently(d.session(1).Done(), "50ms").ShouldNot(BeClosed())
		p.conn.Close()
		Eventually(d.left, "5s").Should(HaveLen(1))
		Expect(code(connect(d).hello(hello("node-1")))).To(Equal(codes.PermissionDenied))
	})

	It("takes the place of the session that its node had before it booted again", func() {
		d := open(nil)
		old := join(d, "node-1")
		again := hello("node-1")
		again.Token = "second-" + again.Token
		p := connect(d)
		Expect(p.hello(again)).To(Succeed())
		Expect(d.session(1).Done()).To(BeClosed())
		Expect(d.left()).To(ConsistOf(MatchError(agentlink.ErrLost)))
		_, err := old.Recv()
		Expect(code(err)).To(Equal(codes.Aborted))
		Expect(d.session(2).Node()).To(Equal("node-1"))
	})

	It("costs nothing when it does not speak the protocol at all", func() {
		d := open(nil)
		conn, err := net.Dial("tcp", d.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		conn.Write([]byte("GET / HTTP/1.1\r\n\r\n" + strings.Repeat("\x00\xff", 5000)))
		join(d, "node-1")
		d.session(1)
	})
})
