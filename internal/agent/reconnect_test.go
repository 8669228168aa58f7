package agent_test

import (
	"context"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	gosync "sync" // an order of the specs is called sync
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// wire leads to a server, until it is cut; then nobody gets through before it is mended.
type wire struct {
	listener net.Listener
	server   string

	mu      gosync.Mutex
	down    bool
	all     []net.Conn
	running gosync.WaitGroup
}

func newWire(server string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	w := &wire{listener: l, server: server}
	w.running.Go(w.run)
	DeferCleanup(func() {
		l.Close()
		w.cut()
		w.running.Wait()
	})
	return w
}

func (w *wire) run() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.server)
		w.mu.Lock()
		if err != nil || w.down {
			in.Close()
			if out != nil {
				out.Close()
			}
			w.mu.Unlock()
			continue
		}
		w.all = append(w.all, in, out)
		w.mu.Unlock()
		w.running.Go(func() { io.Copy(out, in); out.Close(); in.Close() })
		w.running.Go(func() { io.Copy(in, out); out.Close(); in.Close() })
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.all {
		c.Close()
	}
	w.all = nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

var _ = Describe("An agent whose connection breaks", func() {
	var r *rig
	var w *wire
	var over <-chan ended
	BeforeEach(func() {
		r = newRig()
		r.reconnect = time.Minute
		w = newWire(r.server.Addr().String())
		over = r.start(func(c *agent.Config) { c.Server = w.listener.Addr().String() })
	})

	It("stops the order under way, calls again with its certificate, and goes on with what is mounted", func() {
		r.prepare()
		broken := make(chan error, 1)
		go func() {
			_, err := r.session.Do(context.Background(), exec("while :; do echo >> beats; sleep 0.02; done"), nil)
			broken <- err
		}()
		Eventually(r.beats, "10s").Should(BeNumerically(">", 2))
		w.cut()
		Eventually(broken, "10s").Should(Receive(MatchError(agentlink.ErrAway)))
		Eventually(r.left, "5s").Should(Receive(MatchError(agentlink.ErrAway)))
		w.mend()
		before := r.session
		r.welcome()
		Consistently(r.beats, "200ms").Should(Equal(r.beats()), "its order has ended")
		Expect(r.session.Boot()).To(Equal(before.Boot()))
		Expect(r.session.Certificate()).To(Equal(before.Certificate()))
		sent, _ := r.send(broadcast(tarball([2]string{"vmlinuz", "kernel"}), nil))
		Expect(sent.Ok).To(BeTrue(), sent.Error)
		r.must(check("/vmlinuz"))
		r.must(umount())
		r.must(reboot())
		Eventually(over, "5s").Should(Receive(Equal(ended{agent.EndReboot, nil})))
	})

	It("comes back again and again", func() {
		for range 3 {
			w.cut()
			w.mend()
			r.welcome()
			r.must(sync())
		}
	})

	It("comes back to the server that takes the place of the one that died, once that has been told of its boot", func() {
		r.must(sync())
		r.server.Close()
		r.boots = agentlink.NewBoots(nil)
		r.boots.Restore("node-1", agentlink.Expected{Certificate: r.session.Certificate()})
		var err error
		r.server, err = r.listen(w.server)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(r.server.Close)
		r.welcome()
		r.must(reboot())
		Eventually(over, "5s").Should(Receive(Equal(ended{agent.EndReboot, nil})))
	})

	It("comes back to one that has been told of the token of its boot only, and is let in once", func() {
		r.server.Close()
		r.boots = agentlink.NewBoots(nil)
		r.boots.Restore("node-1", agentlink.Expected{Token: agentlink.TokenDigest("secret"), Until: time.Now().Add(time.Minute)})
		var err error
		r.server, err = r.listen(w.server)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(r.server.Close)
		before := r.session.Certificate()
		r.welcome()
		Expect(r.session.Certificate()).NotTo(Equal(before))
		r.must(sync())
		_, err = agent.Run(context.Background(), r.config())
		Expect(err).To(MatchError(ContainSubstring("refuses this agent")))
	})

	It("ends when it is not expected any more", func() {
		w.cut()
		r.boots.Forget("node-1")
		w.mend()
		var got ended
		Eventually(over, "10s").Should(Receive(&got))
		Expect(got.end).To(Equal(agent.EndLost))
		Expect(got.err).To(MatchError(ContainSubstring("refuses this agent: nobody expects node node-1 to call")))
	})

	It("ends at once when the server hangs up on purpose", func() {
		r.session.Close()
		var got ended
		Eventually(over, "5s").Should(Receive(&got))
		Expect(got.err).To(MatchError(ContainSubstring("session closed by the server")))
		Consistently(r.joined, "200ms").ShouldNot(Receive())
	})
})

var _ = Describe("An agent that cannot come back", func() {
	It("ends when its time is over, and keeps its marker port open when it is to stay", func() {
		r := newRig()
		r.reconnect = 300 * time.Millisecond
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		port := l.Addr().(*net.TCPAddr).Port
		Expect(l.Close()).To(Succeed())
		staying := r.start(func(c *agent.Config) { c.Stay, c.MarkerPort = true, port })
		r.server.Close()
		Consistently(staying, "1s").ShouldNot(Receive())
		conn, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.Close()).To(Succeed())
	})

	It("says how long it was away", func() {
		r := newRig()
		r.reconnect = 300 * time.Millisecond
		over := r.start(nil)
		r.server.Close()
		var got ended
		Eventually(over, "10s").Should(Receive(&got))
		Expect(got).To(Equal(ended{agent.EndLost, got.err}))
		Expect(got.err).To(MatchError(ContainSubstring("it was away for 300ms")))
	})
})

// beats is the size of the file that an order writes to.
func (r *rig) beats() (size int64) {
	_ = filepath.WalkDir(r.disk, func(_ string, d fs.DirEntry, _ error) error {
		if info, err := d.Info(); err == nil && d.Name() == "beats" {
			size = info.Size()
		}
		return nil
	})
	return size
}

func exec(line string) *agentpb.Order {
	return &agentpb.Order{Step: "custom_pre", Kind: &agentpb.Order_Custom{Custom: &agentpb.Custom{Kind: "exec", Command: line, Dir: "/rambin"}}}
}
