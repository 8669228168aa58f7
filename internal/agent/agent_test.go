package agent_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("Run", func() {
	var r *rig
	BeforeEach(func() { r = newRig() })

	It("joins, obeys, and ends with a reboot that the server knows of", func() {
		over := r.start(nil)
		r.must(sync())
		r.must(reboot())
		Eventually(over, "5s").Should(Receive(Equal(ended{agent.EndReboot, nil})))
		Eventually(r.left, "5s").Should(Receive(BeNil()))
	})

	It("holds the marker port open while it lives", func() {
		l, err := net.Listen("tcp", "127.0.0.7:0")
		Expect(err).NotTo(HaveOccurred())
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		marker := net.JoinHostPort("127.0.0.7", strconv.Itoa(port))
		knock := func() error {
			conn, err := net.Dial("tcp", marker)
			if err == nil {
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			return err
		}
		over := r.start(func(c *agent.Config) { c.Address, c.MarkerPort = netip.MustParseAddr("127.0.0.7"), port })
		Expect(knock()).To(Equal(io.EOF), "it accepts and hangs up")
		r.must(reboot())
		Eventually(over, "5s").Should(Receive())
		Expect(knock()).To(MatchError(ContainSubstring("refused")))
	})

	It("says that its marker port is taken", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		cfg := r.config()
		cfg.MarkerPort = l.Addr().(*net.TCPAddr).Port
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err = agent.Run(ctx, cfg)
		Expect(err).To(MatchError(MatchRegexp("open the marker port: .*address already in use")))
	})

	It("waits for a marker port that the agent before it holds", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		time.AfterFunc(300*time.Millisecond, func() { l.Close() })
		r.start(func(c *agent.Config) { c.MarkerPort = l.Addr().(*net.TCPAddr).Port })
		r.must(sync())
	})

	It("calls again until the server is there", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		cfg := r.config()
		cfg.Server = l.Addr().String()
		tried := make(chan struct{}, 100)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Close()
				tried <- struct{}{}
			}
		}()
		run(cfg)
		Eventually(tried, "5s").Should(Receive())
		Eventually(tried, "5s").Should(Receive())
		Expect(l.Close()).To(Succeed())
		late, err := r.listen(cfg.Server)
		Expect(err).NotTo(HaveOccurred())
		defer late.Close()
		Eventually(r.joined, "10s").Should(Receive())
	})

	It("ends at once when the server refuses its token, and does not repeat it", func() {
		cfg := r.config()
		cfg.Token = "stale-token"
		end, err := agent.Run(context.Background(), cfg)
		Expect(end).To(Equal(agent.EndLost))
		Expect(err).To(MatchError(ContainSubstring("refuses this agent")))
		Expect(err.Error()).NotTo(ContainSubstring("stale-token"))
	})

	It("is refused when another has used its token", func() {
		r.start(nil)
		_, err := agent.Run(context.Background(), r.config())
		Expect(err).To(MatchError(ContainSubstring("refuses this agent: the server does not expect this boot: its token is unknown, was used or came too late")))
		r.must(sync())
	})

	It("is refused when the next boot was announced between its two calls", func() {
		cfg := r.config()
		door := newTurnstile(cfg.Server)
		cfg.Server = door.address()
		over := run(cfg)
		door.pass()
		Eventually(door.waiting, "5s").Should(Receive())
		r.expect("next")
		door.open()
		var got ended
		Eventually(over, "10s").Should(Receive(&got))
		Expect(got.err).To(MatchError(ContainSubstring("refuses this agent: the certificate is not the one of the present boot of node node-1")))
	})

	It("does not speak to a server of another pin: it says so, ends, and keeps its token to itself", func() {
		other, err := pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "other")})
		Expect(err).NotTo(HaveOccurred())
		cfg := r.config()
		cfg.Pin = other.Pin()
		_, err = agent.Run(context.Background(), cfg)
		Expect(err).To(MatchError("who answers at " + cfg.Server + " is refused: the server is not the one of the fingerprint"))
		cfg.Pin = r.pki.Pin()
		run(cfg)
		r.welcome()
	})

	It("does not speak plaintext, whoever listens", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		heard := make(chan string, 100)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					close(heard)
					return
				}
				_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				all, _ := io.ReadAll(conn)
				conn.Close()
				heard <- string(all)
			}
		}()
		cfg := r.config()
		cfg.Server = l.Addr().String()
		run(cfg)
		var first string
		Eventually(heard, "5s").Should(Receive(&first))
		Expect(first).To(HavePrefix("\x16\x03"), "the beginning of TLS")
		Expect(first).NotTo(Or(ContainSubstring("secret"), ContainSubstring("node-1")))
		Expect(l.Close()).To(Succeed())
		Eventually(heard, "5s").Should(BeClosed())
	})

	It("does not take the place of another node whose token it was given", func() {
		cfg := r.config()
		cfg.Node = "node-2"
		_, err := agent.Run(context.Background(), cfg)
		Expect(err).To(MatchError(ContainSubstring("the token is of ka://node/node-1, and this is node node-2")))
	})

	It("ends as lost when the server is gone, and stops what it did", func() {
		over := r.start(nil)
		go r.session.Do(context.Background(), broadcast([]byte("x"), nil).order, nil)
		r.server.Close()
		var got ended
		Eventually(over, "10s").Should(Receive(&got))
		Expect(got.end).To(Equal(agent.EndLost))
		Expect(got.err).To(MatchError(ContainSubstring("lost the server")))
	})

	It("ends with its context", func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		cfg := r.config()
		cfg.Server = "127.0.0.1:1"
		_, err := agent.Run(ctx, cfg)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})

	DescribeTable("refuses a configuration that cannot work",
		func(change func(*agent.Config)) {
			cfg := r.config()
			change(&cfg)
			_, err := agent.Run(context.Background(), cfg)
			Expect(err).To(MatchError(ContainSubstring("agent: ")))
		},
		Entry("no machine", func(c *agent.Config) { c.Machine = nil }),
		Entry("no pin", func(c *agent.Config) { c.Pin = "" }),
		Entry("a pin that is none", func(c *agent.Config) { c.Pin = "sha256:00" }),
		Entry("a server by name", func(c *agent.Config) { c.Server = "frontend:25301" }),
		Entry("an unknown fault", func(c *agent.Config) { c.Faults = []agent.Fault{{Kind: "sulks"}} }),
	)
})

var _ = Describe("A fault", func() {
	var r *rig
	BeforeEach(func() { r = newRig() })

	It("agent-crash ends the agent without a word when its order arrives, and not before", func() {
		over := r.start(func(c *agent.Config) { c.Faults = []agent.Fault{{Kind: "agent-crash", Step: "format_deploy_part"}} })
		r.must(sync())
		_, err := r.session.Do(context.Background(), format("/dev/sda3"), nil)
		Expect(err).To(MatchError(agentlink.ErrLost))
		Eventually(over, "5s").Should(Receive(Equal(ended{agent.EndLost, agent.ErrCrashed})))
	})

	It("hung-order never answers, not even an abort: the agent is lost", func() {
		over := r.start(func(c *agent.Config) { c.Faults = []agent.Fault{{Kind: "hung-order", Step: "sync"}} })
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, err := r.session.Do(ctx, sync(), nil)
		Expect(err).To(And(MatchError(agentlink.ErrLost), MatchError(context.DeadlineExceeded)))
		var got ended
		Eventually(over, "5s").Should(Receive(&got))
		Expect(got.end).To(Equal(agent.EndLost))
	})
})

// stubborn is a machine whose first sync goes well once its context has ended.
type stubborn struct {
	machine.Machine
	syncing chan struct{}
}

func (s stubborn) Sync(ctx context.Context) error {
	select {
	case s.syncing <- struct{}{}:
		<-ctx.Done()
	default:
	}
	return nil
}

var _ = Describe("A reboot that was ordered", func() {
	var r *rig
	var over <-chan ended
	var syncing chan struct{}

	BeforeEach(func() {
		r, syncing = newRig(), make(chan struct{}, 1)
		over = r.start(func(c *agent.Config) { c.Machine = stubborn{c.Machine, syncing} })
	})
	staysUp := func() {
		GinkgoHelper()
		r.must(sync())
		Consistently(over, "50ms").ShouldNot(Receive())
	}

	It("does not happen when it is aborted, though all was synced", func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan error, 1)
		go func() { _, err := r.session.Do(ctx, reboot(), nil); done <- err }()
		Eventually(syncing, "5s").Should(HaveLen(1))
		why := errors.New("cut")
		cancel(why)
		var err error
		Eventually(done, "10s").Should(Receive(&err))
		Expect(err).To(MatchError(why))
		Expect(err).NotTo(MatchError(agentlink.ErrLost), "the agent said that it stopped")
		staysUp()
	})

	It("does not happen when its time is over", func() {
		o := reboot()
		o.Timeout = durationpb.New(50 * time.Millisecond)
		Expect(r.do(o).Error).To(ContainSubstring("timed out after 50ms"))
		staysUp()
	})
})

// broken is a machine that panics when it is told to sync.
type broken struct{ machine.Machine }

func (broken) Sync(context.Context) error { panic("cosmic ray") }

var _ = Describe("An agent with a bug", func() {
	It("fails the one order and goes on", func() {
		r := newRig()
		r.start(func(c *agent.Config) { c.Machine = broken{c.Machine} })
		Expect(r.do(sync()).Error).To(ContainSubstring("panic: cosmic ray"))
		r.prepare()
		Expect(filepath.Join(r.disk, "part/3")).To(BeADirectory())
	})
})
