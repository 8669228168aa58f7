package chain_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A link whose sink misbehaves", func() {
	const size = 12 * chunk

	for _, victim := range upTo(4) {
		It("feeds those after it when its disk is full", func() {
			b := prepare(4, size)
			b.nodes[victim].sink.failAt = 3 * chunk
			report := b.run()
			b.expectWhole(report, without(4, victim)...)
			Expect(report.Results[victim].Cause).To(Equal("sink: write: no space left on device"))
			Expect(report.Results[victim].Bytes).To(BeEquivalentTo(3 * chunk))
			n := b.nodes[victim]
			Expect(n.err).To(MatchError(ContainSubstring("no space left on device")))
			Expect(n.result.OK).To(BeFalse())
			_, closed, aborted := n.sink.state()
			Expect(closed).To(BeFalse())
			Expect(aborted).To(HaveOccurred())
		})
	}

	It("fails because of that, whatever becomes of the head afterwards", func() {
		b := prepare(2, size)
		b.nodes[0].sink.failAt = chunk
		open := b.slowAfter(4 * chunk)
		defer open()
		b.start()
		ctx, cancel := context.WithCancel(context.Background())
		out := b.background(ctx)
		b.hasBytes(chunk, 0)
		Eventually(func() error { _, _, aborted := b.nodes[0].sink.state(); return aborted }).Should(HaveOccurred())
		cancel()
		settledIn(out)
		b.wait()
		Expect(b.nodes[0].err).To(MatchError("chain: receive: sink: write: no space left on device"))
	})

	It("is not OK when the sink took every byte but not the end", func() {
		b := prepare(3, size)
		b.nodes[1].sink.failClose = errors.New("archive is truncated")
		report := b.run()
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(Equal("sink: close: archive is truncated"))
		Expect(b.nodes[1].err).To(MatchError(b.nodes[1].sink.failClose))
	})

	It("feeds those after it when a write never returns", func() {
		b := prepare(3, 20*chunk)
		sink := b.nodes[1].sink
		sink.hang, sink.held = make(chan struct{}), make(chan struct{})
		b.nodes[1].cfg.SinkTimeout = second / 2
		b.start()
		report := settledIn(b.background(GinkgoT().Context()))
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(Equal("sink: write did not return within 500ms"))
		close(sink.hang)
		b.wait()
	})

	It("does not keep those after it from going home when it dies as the last that is not done", func() {
		b := prepare(4, 2*chunk)
		b.send.Listen = "" // nobody else can tell them
		sink := b.nodes[1].sink
		sink.hang, sink.held = make(chan struct{}), make(chan struct{})
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = time.Minute
		}
		b.start()
		sent := b.background(GinkgoT().Context())
		for _, i := range without(4, 1) {
			Eventually(b.nodes[i].sink.right).WithTimeout(10*second).Should(BeTrue(), b.nodes[i].name)
		}
		b.nodes[1].kill()
		close(sink.hang)
		b.expectWhole(settledIn(sent), 0, 2, 3)
		b.wait()
	})

	It("settles every link when all sinks fail", func() {
		b := prepare(3, size)
		for _, n := range b.nodes {
			n.sink.failAt = 1
		}
		report := b.run()
		b.expectWhole(report)
	})

	It("tells its own progress, in order", func() {
		b := prepare(1, size)
		var told []int64
		b.nodes[0].cfg.Progress = func(written int64) { told = append(told, written) }
		b.expectWhole(b.run(), 0)
		Expect(told).To(HaveLen(12))
		for i, n := range told {
			Expect(n).To(BeEquivalentTo((i + 1) * chunk))
		}
	})
})
