package agentlink_test

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

func nothing() agentlink.Config {
	authority, err := pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")})
	Expect(err).NotTo(HaveOccurred())
	return agentlink.Config{
		Authority: authority,
		Boots:     agentlink.NewBoots(nil),
		Joined:    func(*agentlink.Session) {},
		Left:      func(*agentlink.Session, error) {},
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

	It("wants an address and a port", func() {
		cfg := nothing()
		cfg.Listen = "somewhere"
		_, err := agentlink.Start(cfg)
		Expect(err).To(MatchError(`agents: listen on "somewhere": want ADDRESS:PORT`))
	})

	It("wants an authority", func() {
		cfg := nothing()
		cfg.Authority = nil
		_, err := agentlink.Start(cfg)
		Expect(err).To(MatchError(ContainSubstring("Authority")))
	})

	DescribeTable("tells nodes an address that they can call, whatever it listens on",
		func(listen, want string) {
			d := open(func(c *agentlink.Config) { c.Listen = listen })
			at, err := d.AddrFor(netip.MustParseAddr("127.1.2.3"))
			Expect(err).NotTo(HaveOccurred())
			_, port, err := net.SplitHostPort(d.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			Expect(at).To(Equal(net.JoinHostPort(want, port)))
			conn, err := net.Dial("tcp", at)
			Expect(err).NotTo(HaveOccurred())
			Expect(conn.Close()).To(Succeed())
		},
		Entry("an address", "127.0.0.9:0", "127.0.0.9"),
		Entry("a name", "localhost:0", "127.0.0.1"),
		Entry("every address of IPv4", "0.0.0.0:0", "127.0.0.1"),
		Entry("every address", ":0", "127.0.0.1"),
	)
})

var _ = Describe("An agent that calls", func() {
	code := func(err error) codes.Code { return status.Code(err) }

	It("is welcomed with a secret and becomes a session of the node that its certificate names", func() {
		d := open(nil)
		p := join(d, "node-1")
		Expect(p.secret).To(HaveLen(32))
		s := d.session(1)
		Expect(s.Node()).To(Equal("node-1"))
		Expect(s.Version()).To(Equal("spec"))
		Expect(d.boots.Current("node-1", s.Boot())).To(BeTrue())
		Consistently(s.Done(), "50ms").ShouldNot(BeClosed())
	})

	DescribeTable("is refused",
		func(want codes.Code, change func(*agentpb.Hello)) {
			d := open(nil)
			h := hello()
			change(h)
			err := connect(d, enrolled(d, "node-1")).hello(h)
			Expect(code(err)).To(Equal(want), "%v", err)
			Expect(d.left()).To(BeEmpty(), "nobody was told of it")
		},
		Entry("with another protocol", codes.FailedPrecondition, func(h *agentpb.Hello) { h.Protocol = 1 }),
		Entry("with a version of a kilobyte", codes.InvalidArgument, func(h *agentpb.Hello) { h.Version = strings.Repeat("v", 1024) }),
		Entry("with a kept order of a name that none has", codes.InvalidArgument, func(h *agentpb.Hello) { h.Kept = &agentpb.Kept{Name: make([]byte, 65)} }),
		Entry("with a kept order of a key that none has", codes.InvalidArgument, func(h *agentpb.Hello) { h.Kept = &agentpb.Kept{Key: make([]byte, 33)} }),
		Entry("with a kept order that failed for more than one line says", codes.InvalidArgument, func(h *agentpb.Hello) { h.Kept = &agentpb.Kept{Error: strings.Repeat("e", 5<<10)} }),
		Entry("with more than a message may hold", codes.ResourceExhausted, func(h *agentpb.Hello) { h.Version = strings.Repeat("v", agentpb.MaxReport) }),
	)

	It("is refused when it says something else first", func() {
		d := open(nil)
		p := connect(d, enrolled(d, "node-1"))
		p.answer(1, "")
		_, err := p.Recv()
		Expect(code(err)).To(Equal(codes.InvalidArgument))
	})

	It("is given up when it says nothing", func() {
		d := open(func(c *agentlink.Config) { c.HelloTimeout = 50 * time.Millisecond })
		_, err := connect(d, enrolled(d, "node-1")).Recv()
		Expect(code(err)).To(Equal(codes.DeadlineExceeded))
	})

	It("takes the place of the session that its node had before it booted again", func() {
		d := open(nil)
		old := join(d, "node-1")
		join(d, "node-1")
		Expect(d.session(1).Done()).To(BeClosed())
		Expect(d.left()).To(ConsistOf(MatchError(agentlink.ErrLost)))
		_, err := old.Recv()
		Expect(code(err)).To(Equal(codes.Aborted))
		Expect(d.session(2).Node()).To(Equal("node-1"))
		Expect(d.boots.Current("node-1", d.session(1).Boot())).To(BeFalse())
	})
})
