package agentlink_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// notes is a log to look at; it panics for lines that say trap, when it has one.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
	trap string
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trap != "" && strings.Contains(string(p), n.trap) {
		panic("trapped")
	}
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

var _ = Describe("A bug in the server", func() {
	var log *notes
	BeforeEach(func() { log = &notes{} })

	// serve makes a server on which node-2 lives through what befalls node-1.
	serve := func(change func(*agentlink.Config)) (d *desk, unharmed func()) {
		d = open(func(c *agentlink.Config) {
			c.Log = slog.New(slog.NewTextHandler(log, nil))
			if change != nil {
				change(c)
			}
		})
		other := join(d, "node-2")
		s := d.session(1)
		return d, func() {
			GinkgoHelper()
			Eventually(log.String, "5s").Should(ContainSubstring("bug in the server; the stream ends"))
			Expect(strings.Count(log.String(), "bug in the server; the stream ends")).To(Equal(1))
			Expect(log.String()).To(And(ContainSubstring("stack="), ContainSubstring("goroutine")))
			c := make(chan error, 1)
			go func() { _, err := s.Do(context.Background(), order("sync"), nil); c <- err }()
			other.answer(other.order().Id, "")
			Eventually(c, "5s").Should(Receive(BeNil()))
		}
	}
	trap := func(node string) {
		if node == "node-1" {
			panic("trapped")
		}
	}

	It("that admits refuses that agent", func() {
		var broken atomic.Bool
		d, unharmed := serve(func(c *agentlink.Config) {
			c.Boots = agentlink.NewBoots(func() time.Time {
				if broken.Load() {
					panic("trapped")
				}
				return time.Now()
			})
		})
		w := enrolled(d, "node-1")
		broken.Store(true)
		err := refused(d, w)
		Expect(status.Code(err)).To(Equal(codes.Internal))
		Expect(err.Error()).NotTo(ContainSubstring("trapped"))
		unharmed()
		Expect(log.String()).To(ContainSubstring("node=node-1"))
	})

	It("that hears of a session ends it, and says so", func() {
		d, unharmed := serve(func(c *agentlink.Config) {
			joined := c.Joined
			c.Joined = func(s *agentlink.Session) { joined(s); trap(s.Node()) }
		})
		p := join(d, "node-1")
		_, err := p.Recv()
		Expect(status.Code(err)).To(Equal(codes.Aborted))
		Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
		Eventually(d.session(2).Done(), "5s").Should(BeClosed())
		unharmed()
	})

	It("that hears of the end of a session leaves its node free to come again", func() {
		d, unharmed := serve(func(c *agentlink.Config) { c.Left = func(s *agentlink.Session, _ error) { trap(s.Node()) } })
		p := join(d, "node-1")
		Expect(p.CloseSend()).To(Succeed())
		unharmed()
		join(d, "node-1")
		Expect(d.session(3).Node()).To(Equal("node-1"))
	})

	It("that takes reports ends the session they come from", func() {
		d, unharmed := serve(nil)
		p := join(d, "node-1")
		s := d.session(2)
		s.Sabotage()
		p.say(&agentpb.FromAgent{Body: &agentpb.FromAgent_Progress{Progress: &agentpb.Progress{Order: 1, Bytes: 1}}})
		Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
		_, err := s.Do(context.Background(), order("sync"), nil)
		Expect(err).To(MatchError(agentlink.ErrLost))
		unharmed()
	})

	It("that sends a file ends that stream, not the session", func() {
		log.trap = "agents: fetch"
		d, unharmed := serve(nil)
		p := join(d, "node-1")
		s := d.session(2)
		stream, err := p.Fetch(context.Background(), &agentpb.FetchRequest{Session: p.secret, File: "no such file"})
		Expect(err).NotTo(HaveOccurred())
		_, err = stream.Recv()
		Expect(status.Code(err)).To(Equal(codes.Internal))
		Consistently(s.Done(), "50ms").ShouldNot(BeClosed())
		unharmed()
	})
})
