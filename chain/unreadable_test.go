package chain_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// damaged is an image of which one byte cannot be read any more, once it was read so many times.
type damaged struct {
	io.ReaderAt
	at    int64
	times atomic.Int64
}

func (d *damaged) ReadAt(p []byte, offset int64) (int, error) {
	if offset <= d.at && d.at < offset+int64(len(p)) && d.times.Add(-1) < 0 {
		return 0, errors.New("medium error")
	}
	return d.ReaderAt.ReadAt(p, offset)
}

// endless is an image whose reads end with a context, beyond an offset.
type endless struct {
	io.ReaderAt
	after int64
	ctx   context.Context
}

func (e *endless) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= e.after {
		<-e.ctx.Done()
		return 0, e.ctx.Err()
	}
	return e.ReaderAt.ReadAt(p, offset)
}

var _ = Describe("An image that cannot be read", func() {
	const size = 12 * chunk

	expectForsaken := func(n *node) {
		GinkgoHelper()
		Eventually(n.done).WithTimeout(4*second).Should(BeClosed(), "it does not wait for the orphan timeout")
		Expect(n.err).To(MatchError(ContainSubstring("the head gave up: source: read at ")))
		Expect(n.err).To(MatchError(ContainSubstring("medium error")))
		Expect(errors.As(n.err, new(*chain.ForsakenError))).To(BeTrue())
		_, closed, aborted := n.sink.state()
		Expect(closed).To(BeFalse())
		Expect(aborted).To(HaveOccurred())
	}

	It("in the middle is the head's own fault, and each link is told", func() {
		b := prepare(24, size)
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = 30 * second
		}
		b.send.Source = &damaged{ReaderAt: b.send.Source, at: 8 * chunk}
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).To(MatchError(ContainSubstring("source: read at 2097152: medium error")))
		b.expectWhole(report)
		for i, n := range b.nodes {
			Expect(report.Results[i].Cause).To(ContainSubstring("medium error"))
			expectForsaken(n)
		}
	})

	It("again costs only the late joiner that lacks it", func() {
		b := prepare(3, size)
		p := b.proxied(1)
		open := b.slowAfter(4 * chunk)
		once := &damaged{ReaderAt: b.send.Source, at: size - 1}
		once.times.Store(1)
		b.send.Source = once
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		p.frozen.Store(true)
		open()
		report := settledIn(out)
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(ContainSubstring("medium error"))
		Expect(report.Results[1].Late).To(BeTrue())
		expectForsaken(b.nodes[1])
		b.wait()
	})

	It("because the head has been ended is no word to the links of one that is silent", func() {
		b := prepare(2, size)
		b.start()
		ctx, end := context.WithCancel(context.Background())
		first := *b
		first.send.Silent = true
		first.send.Source = &endless{b.send.Source, 6 * chunk, ctx}
		out := first.background(ctx)
		b.eachHas(4 * chunk)
		end()
		settledIn(out)
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 1)
		b.wait()
	})
})
