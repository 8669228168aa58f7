package agent_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// budget is a limiter that lets so many bytes pass, and no more.
type budget struct{ left atomic.Int64 }

func (b *budget) WaitN(ctx context.Context, n int) error {
	if b.left.Add(-int64(n)) >= 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// counted counts what is read.
type counted struct {
	io.ReaderAt
	bytes atomic.Int64
}

func (c *counted) ReadAt(p []byte, offset int64) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ReaderAt.ReadAt(p, offset)
}

// noise is content that no compression makes smaller.
func noise(size int) string {
	b := make([]byte, size)
	random := rand.NewChaCha8([32]byte{3})
	random.Read(b)
	return string(b)
}

// archived and raw are images of 4 MiB and their order, which is to be kept.
func archived() *image {
	return kept(broadcast(tarball([2]string{"data", noise(4 << 20)}), nil))
}

func raw() *image {
	return kept(broadcast([]byte(noise(4<<20)), func(r *agentpb.Receive) { r.Kind, r.Compression, r.Target = "dd", "none", "/dev/sda3" }))
}

func kept(i *image) *image {
	i.order.Keep = []byte("the broadcast of this try")
	i.order.GetReceive().Ring = 256 << 10
	return i
}

var _ = Describe("An order that is to be kept, when the connection breaks", func() {
	var r *rig
	var w *wire
	var over <-chan ended
	BeforeEach(func() {
		r = newRig()
		r.reconnect = time.Minute
		w = newWire(r.server.Addr().String())
		over = r.start(func(c *agent.Config) { c.Server = w.listener.Addr().String() })
		r.prepare()
	})

	// half orders an image and sends the first MiB and a bit of it; then the server dies. It returns where the agent listens.
	half := func(i *image) (address string) {
		GinkgoHelper()
		ctx, die := context.WithCancel(context.Background())
		broken, head, listening, arrived := make(chan error, 1), make(chan struct{}), make(chan string, 1), make(chan struct{}, 1)
		go func() {
			_, err := r.session.Do(context.Background(), i.order, func(p *agentpb.Progress) {
				if p.Listening != "" {
					listening <- p.Listening
				}
			})
			broken <- err
		}()
		Eventually(listening, "10s").Should(Receive(&address))
		go func() {
			defer close(head)
			cfg := i.head(address)
			b := &budget{}
			b.left.Store(3 << 19)
			cfg.Limits, cfg.Silent = []chain.Limiter{b}, true
			cfg.Progress = func(p chain.Progress) {
				if p.Written >= 1<<20 {
					select {
					case arrived <- struct{}{}:
					default:
					}
				}
			}
			_, _ = chain.Send(ctx, cfg)
		}()
		Eventually(arrived, "20s").Should(Receive())
		w.cut()
		die()
		Eventually(broken, "10s").Should(Receive(MatchError(agentlink.ErrAway)))
		Eventually(head, "10s").Should(BeClosed())
		Eventually(r.left, "10s").Should(Receive())
		return address
	}
	// rest gives the order again, sends what is missing, and counts it.
	rest := func(i *image) (*agentpb.Result, int64) {
		GinkgoHelper()
		source := &counted{}
		fed := make(chan chain.Report, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		result, err := r.session.Do(ctx, i.order, func(p *agentpb.Progress) {
			if p.Listening != "" {
				go func() {
					cfg := i.head(p.Listening)
					source.ReaderAt, cfg.Source = cfg.Source, source
					report, _ := chain.Send(ctx, cfg)
					fed <- report
				}()
			}
		})
		Expect(err).NotTo(HaveOccurred())
		var report chain.Report
		Eventually(fed, "20s").Should(Receive(&report))
		Expect(report.OK()).To(Equal(1), report.Results[0].Cause)
		return result, source.bytes.Load()
	}
	back := func() {
		GinkgoHelper()
		w.mend()
		r.welcome()
	}
	// closed waits until nobody listens there any more.
	closed := func(address string) {
		GinkgoHelper()
		Eventually(func() error {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err
		}, "10s").Should(HaveOccurred())
	}
	written := func() ([]byte, error) { return os.ReadFile(filepath.Join(r.disk, "raw/3")) }

	DescribeTable("goes on with what it has, once it is given again", func(i func() *image) {
		img := i()
		half(img)
		back()
		kept, asked := r.session.Kept(), img.order.GetReceive()
		Expect(kept.GetName()).To(Equal(img.order.Keep))
		Expect(kept.GetTransfer()).To(Equal(asked.Transfer))
		Expect(kept.GetKey()).To(Equal(asked.Key))
		result, sent := rest(img)
		Expect(result.Ok).To(BeTrue(), result.Error)
		Expect(sent).To(BeNumerically("<=", len(img.bytes)-1<<20), "what had arrived is not sent again")
		Expect(r.session.Kept()).To(BeNil(), "what was told is out of date")
		if asked.Kind == "dd" {
			Expect(written()).To(Equal(img.bytes))
		} else {
			Expect(os.ReadFile(filepath.Join(r.disk, "part/3/data"))).To(BeEquivalentTo(noise(4 << 20)))
		}
	},
		Entry("an archive", archived),
		Entry("a raw image", raw),
	)

	It("goes on after a second break", func() {
		img := raw()
		half(img)
		back()
		w.cut()
		Eventually(r.left, "10s").Should(Receive())
		back()
		result, _ := rest(img)
		Expect(result.Ok).To(BeTrue(), result.Error)
		Expect(written()).To(Equal(img.bytes))
	})

	It("is carried out to its end meanwhile, and its result is answered when it is given again, and again", func() {
		img := raw()
		address := half(img)
		report, err := chain.Send(context.Background(), img.head(address))
		Expect(err).NotTo(HaveOccurred())
		Expect(report.OK()).To(Equal(1), report.Results[0].Cause)
		closed(address)
		for range 2 {
			back()
			Expect(r.session.Kept().GetName()).To(Equal(img.order.Keep))
			Expect(r.session.Kept().GetError()).To(BeEmpty())
			var said []*agentpb.Progress
			result, err := r.session.Do(context.Background(), img.order, func(p *agentpb.Progress) { said = append(said, p) })
			Expect(err).NotTo(HaveOccurred())
			Expect(result.Ok).To(BeTrue(), result.Error)
			Expect(result.Digest).To(Equal(img.order.GetReceive().Manifest))
			Expect(said).To(BeEmpty(), "nobody listens any more")
			w.cut()
			Eventually(r.left, "10s").Should(Receive())
		}
	})

	It("is let go of when any other is given", func() {
		address := half(archived())
		back()
		r.must(umount())
		_, err := net.Dial("tcp", address)
		Expect(err).To(HaveOccurred(), "it has ended")
		w.cut()
		Eventually(r.left, "10s").Should(Receive())
		back()
		Expect(r.session.Kept()).To(BeNil())
	})

	It("is not taken for another of its name", func() {
		img := raw()
		half(img)
		back()
		other := raw()
		other.order.GetReceive().Key[0] ^= 1
		Expect(r.do(other.order).Error).To(ContainSubstring("it differs from the order that was given by this name before"))
		result, _ := rest(img)
		Expect(result.Ok).To(BeTrue(), result.Error)
	})

	It("is told of with the reason when it has failed meanwhile, and has to be another to be done", func() {
		content := tarball([2]string{"data", noise(4 << 20)})
		content[3<<20] ^= 1
		img := kept(broadcast(content, nil))
		address := half(img)
		_, _ = chain.Send(context.Background(), img.head(address))
		closed(address)
		back()
		Expect(r.session.Kept().GetName()).To(Equal(img.order.Keep))
		Expect(r.session.Kept().GetError()).To(ContainSubstring("invalid checksum"))
		Expect(r.session.Kept().GetForsaken()).To(BeFalse())
		Expect(r.do(img.order).Error).To(ContainSubstring("invalid checksum"), "it is not done once more")
		other := archived()
		result, _ := rest(other)
		Expect(result.Ok).To(BeTrue(), result.Error)
	})

	It("is told of as failed by no fault of the node when the head that came could not read its image", func() {
		img := raw()
		address := half(img)
		cfg := img.head(address)
		cfg.Source = bytes.NewReader(nil)
		_, _ = chain.Send(context.Background(), cfg)
		closed(address)
		back()
		Expect(r.session.Kept().GetError()).To(ContainSubstring("the head gave up: source: read at "))
		Expect(r.session.Kept().GetForsaken()).To(BeTrue())
	})

	It("is not told of when it was aborted", func() {
		img := raw()
		half(img)
		back()
		ctx, cancel := context.WithCancel(context.Background())
		_, err := r.session.Do(ctx, img.order, func(*agentpb.Progress) { cancel() })
		Expect(err).To(MatchError(context.Canceled))
		w.cut()
		Eventually(r.left, "10s").Should(Receive())
		back()
		Expect(r.session.Kept()).To(BeNil())
	})

	It("ends with an agent that is not expected any more", func() {
		address := half(raw())
		r.boots.Forget("node-1")
		w.mend()
		Eventually(over, "10s").Should(Receive())
		_, err := net.Dial("tcp", address)
		Expect(err).To(HaveOccurred())
	})
})
