package chain_test

import (
	"bytes"
	"context"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/time/rate"

	"github.com/kadeploy/kadeploy/chain"
)

// turnstile is a limiter that lets so many bytes through, and more only once it is opened.
type turnstile struct {
	mu     sync.Mutex
	passed int64
	limit  int64
	gate   chan struct{}
}

func (t *turnstile) WaitN(ctx context.Context, n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > 64<<10 {
		panic("asked for more than 64 KiB")
	}
	if t.passed+int64(n) > t.limit {
		select {
		case <-t.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t.passed += int64(n)
	return nil
}

func (t *turnstile) total() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.passed
}

var _ = Describe("A limited head", func() {
	const size = 24 * chunk

	It("sends nothing that its limiters have not let pass, and nobody is taken for dead meanwhile", func() {
		b := prepare(3, size)
		b.send.StallTimeout = second / 2
		for _, n := range b.nodes {
			n.cfg.StallTimeout = second / 2
		}
		narrow := &turnstile{limit: 4 * chunk, gate: make(chan struct{})}
		wide := &turnstile{limit: 1 << 60}
		b.send.Limits = []chain.Limiter{wide, narrow}
		b.start()
		out := b.background(context.Background())
		b.eachHas(4 * chunk)
		Consistently(func() int { l, _, _ := b.nodes[0].sink.state(); return l }).WithTimeout(2 * second).Should(Equal(4 * chunk))
		close(narrow.gate)
		report := settledIn(out)
		b.expectWhole(report, 0, 1, 2)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), r.Name)
		}
		Expect(narrow.total()).To(BeNumerically(">=", size))
		Expect(wide.total()).To(BeNumerically(">=", size))
		b.wait()
	})

	It("is charged for small chunks what they are", func() {
		b := prepare(1, 4<<20)
		all := &turnstile{limit: 1 << 60}
		b.send.Limits = []chain.Limiter{all}
		b.streamed(bytes.NewReader(b.image))
		b.send.ChunkSize = 8 << 10
		b.expectWhole(b.run(), 0)
		Expect(all.total()).To(BeNumerically(">=", len(b.image)))
		Expect(all.total()).To(BeNumerically("<", len(b.image)+chunk))
	})

	It("counts what late joiners and ranges cost", func() {
		b := prepare(4, 40<<20)
		all := &turnstile{limit: 1 << 60}
		b.send.Limits = []chain.Limiter{all}
		slow := b.nodes[2].sink
		slow.hang, slow.held = make(chan struct{}), make(chan struct{})
		b.nodes[3].absent()
		begun := make(chan struct{})
		b.nodes[3].cfg.Begun = func() { close(begun) }
		open := b.slowAfter(36 << 20)
		for _, i := range upTo(3) {
			b.nodes[i].start()
		}
		out := b.background(context.Background())
		Eventually(slow.held).WithTimeout(10 * second).Should(BeClosed())
		b.hasBytes(8<<20, 0)
		b.nodes[1].kill()
		close(slow.hang)
		b.arrive(3)
		Eventually(begun).WithTimeout(20 * second).Should(BeClosed())
		open()
		b.expectWhole(settledIn(out), 0, 2, 3)
		Expect(all.total()).To(BeNumerically(">=", (40+40+1)<<20), "the chain, the late joiner, and what no ring had any more")
		b.wait()
	})

	It("shares one limiter alike with another", func() {
		shared := rate.NewLimiter(6<<20, 64<<10)
		var all []*broadcast
		var outs []<-chan chain.Report
		for range 2 {
			b := prepare(2, size)
			b.send.Limits = []chain.Limiter{shared}
			b.start()
			all = append(all, b)
			outs = append(outs, b.background(context.Background()))
		}
		var report chain.Report
		slower := all[1]
		Eventually(func() bool {
			select {
			case report = <-outs[0]:
				outs = outs[1:]
				return true
			case report = <-outs[1]:
				outs, slower = outs[:1], all[0]
				return true
			default:
				return false
			}
		}).WithTimeout(30 * second).Should(BeTrue())
		length, _, _ := slower.nodes[0].sink.state()
		Expect(length).To(BeNumerically(">=", size/2), "the other is not far behind")
		Expect(report.OK()).To(Equal(2))
		slower.expectWhole(settledIn(outs[0]), 0, 1)
		for _, b := range all {
			b.wait()
		}
	})
})
