package chain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing/iotest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A stream", func() {
	const size = 24 * chunk

	DescribeTable("is delivered to each link, and is known at its end", func(size int) {
		b := prepare(3, size)
		m := b.streamed(bytes.NewReader(b.image))
		report := b.run()
		b.expectWhole(report, 0, 1, 2)
		Expect(report.Size).To(BeEquivalentTo(size))
		Expect(report.Image).To(Equal(m.Digest()))
		for _, n := range b.nodes {
			Expect(n.result.Image).To(Equal(m.Digest()), n.name)
		}
	},
		Entry("empty", 0), Entry("one byte", 1), Entry("a chunk less one", chunk-1), Entry("a chunk", chunk),
		Entry("a chunk and one", chunk+1), Entry("some chunks", 7*chunk+3), Entry("more than the rings hold", 30*chunk),
	)

	It("comes in reads of any size", func() {
		b := prepare(2, 3*chunk+5)
		b.streamed(iotest.OneByteReader(bytes.NewReader(b.image)))
		b.expectWhole(b.run(), 0, 1)
	})

	DescribeTable("survives the death of a link in the middle", func(victim int) {
		b := prepare(4, size)
		pipe := newPipe(b.image, 8*chunk)
		b.streamed(pipe)
		b.start()
		out := b.background(context.Background())
		b.eachHas(6 * chunk)
		b.nodes[victim].kill()
		pipe.open()
		b.expectWhole(settledIn(out), without(4, victim)...)
		b.wait()
	}, Entry("the first", 0), Entry("in the middle", 2), Entry("the last", 3))

	It("reaches a follower that is further behind than its new predecessor's ring", func() {
		b := prepare(3, 40<<20)
		slow := b.nodes[2].sink
		slow.hang, slow.held = make(chan struct{}), make(chan struct{})
		pipe := newPipe(b.image, 36<<20)
		b.streamed(pipe)
		b.start()
		out := b.background(context.Background())
		Eventually(slow.held).WithTimeout(10 * second).Should(BeClosed())
		b.hasBytes(8<<20, 0)
		b.nodes[1].kill()
		close(slow.hang)
		pipe.open()
		b.expectWhole(settledIn(out), 0, 2)
		b.wait()
	})

	It("may pause for longer than the stall timeout, and nobody is taken for dead", func() {
		b := prepare(3, size)
		for _, n := range b.nodes {
			n.cfg.StallTimeout = second / 2
		}
		b.send.StallTimeout = second / 2
		pipe := newPipe(b.image, 8*chunk)
		pipe.pause = 2 * second
		b.streamed(pipe)
		report := b.run()
		b.expectWhole(report, 0, 1, 2)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), r.Name)
		}
	})

	It("that breaks in the middle is the head's own fault, and each link is told", func() {
		b := prepare(3, size)
		b.streamed(io.MultiReader(bytes.NewReader(b.image[:8*chunk+7]), iotest.ErrReader(errors.New("tape torn"))))
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).To(MatchError(ContainSubstring("source: read at 2097159: tape torn")))
		b.expectWhole(report)
		for i, n := range b.nodes {
			Eventually(n.done).WithTimeout(4*second).Should(BeClosed(), "it does not wait for the orphan timeout")
			Expect(n.err).To(MatchError(ContainSubstring("tape torn")))
			Expect(report.Results[i].Cause).To(ContainSubstring("tape torn"))
			_, closed, aborted := n.sink.state()
			Expect(closed).To(BeFalse())
			Expect(aborted).To(HaveOccurred())
		}
	})

	It("is not read far ahead of a chain that does not move", func() {
		b := prepare(1, 64<<20)
		sink := b.nodes[0].sink
		sink.hang, sink.held = make(chan struct{}), make(chan struct{})
		pipe := newPipe(b.image, int64(len(b.image)))
		b.streamed(pipe)
		b.start()
		ctx, cancel := context.WithCancel(context.Background())
		out := b.background(ctx)
		Eventually(pipe.read.Load).WithTimeout(20 * second).Should(BeNumerically(">=", 32<<20))
		Consistently(pipe.read.Load).WithTimeout(second).WithPolling(50 * time.Millisecond).Should(BeNumerically("<=", 44<<20))
		cancel()
		close(sink.hang)
		settledIn(out)
		b.wait()
	})

	It("is refused by a link that was told which image to expect", func() {
		b := prepare(2, size)
		b.streamed(bytes.NewReader(b.image))
		b.nodes[1].cfg.Manifest = chain.Digest{1}
		report := b.run()
		b.expectWhole(report, 0)
		Expect(report.Results[1].Cause).To(HavePrefix("predecessor has another image: one without an end"))
	})

	When("its head is started again", func() {
		again := func(image func([]byte) []byte) (b *broadcast, report chain.Report) {
			b = prepare(3, size)
			pipe := newPipe(b.image, 8*chunk)
			b.streamed(pipe)
			b.start()
			first := b.background(context.Background())
			b.eachHas(6 * chunk)
			b.streamed(bytes.NewReader(image(bytes.Clone(b.image))))
			report, err := b.sendNow(context.Background())
			Expect(err).NotTo(HaveOccurred())
			pipe.open()
			b.expectWhole(settledIn(first))
			b.wait()
			return b, report
		}

		It("goes on where it was, once it has read so far", func() {
			b, report := again(func(same []byte) []byte { return same })
			b.expectWhole(report, 0, 1, 2)
		})

		It("is not mixed with another one", func() {
			b, report := again(func(other []byte) []byte { other[chunk] ^= 1; return other })
			b.expectWhole(report)
			for _, n := range b.nodes {
				Expect(n.err).To(MatchError(ContainSubstring("another image")), n.name)
				Expect(n.sink.wrong).To(BeFalse(), n.name)
			}
		})

		It("is not mixed with a shorter one", func() {
			b, report := again(func(other []byte) []byte { return other[:5*chunk] })
			b.expectWhole(report)
			for _, n := range b.nodes {
				Expect(n.err).To(MatchError(ContainSubstring("another image")), n.name)
			}
		})
	})
})
