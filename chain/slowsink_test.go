package chain_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A link whose disk is slower than the chain", func() {
	const size = 16 * chunk

	// impatient makes every link notice within a moment that its sink holds up the chain.
	impatient := func(b *broadcast) {
		for _, n := range b.nodes {
			n.cfg.SlowSink = second / 4
		}
	}

	DescribeTable("steps out, and the others do not wait for it", func(victim int) {
		b := prepare(4, size)
		impatient(b)
		var skipped []chain.Skip
		b.send.Skipped = func(s chain.Skip) { skipped = append(skipped, s) }
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		slow := b.nodes[victim].sink
		slow.hang, slow.held = make(chan struct{}), make(chan struct{})
		b.start()
		out := b.background(context.Background())
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		for _, i := range without(4, victim) {
			Expect(b.nodes[i].sink.right()).To(BeTrue(), b.nodes[i].name)
		}
		length, _, _ := slow.state()
		Expect(length).To(BeZero(), "it is still writing")
		close(slow.hang)
		report := settledIn(out)
		b.expectWhole(report, upTo(4)...)
		r := report.Results[victim]
		Expect(r.Late).To(BeTrue())
		Expect(r.Skips).To(HaveLen(1))
		Expect(r.Skips[0].By).To(Equal(r.Name), "by itself")
		Expect(r.Skips[0].Cause).To(Equal("its disk is slower than the chain: its ring of 1.0 MiB was full for 250ms"))
		Expect(r.Skips[0].Offset).To(BeNumerically(">", 0))
		Expect(skipped).To(Equal(r.Skips))
		b.wait()
		Expect(b.nodes[victim].result.Late).To(BeTrue())
	}, Entry("the first", 0), Entry("in the middle", 2), Entry("the last", 3))

	It("stays when all of them are equally slow", func() {
		b := prepare(4, 3*size)
		impatient(b)
		for _, n := range b.nodes {
			n.sink.pace = 100 * time.Millisecond
		}
		report := b.run()
		b.expectWhole(report, upTo(4)...)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), r.Name)
			Expect(r.Late).To(BeFalse(), r.Name)
		}
	})

	It("stays when it is the only one", func() {
		b := prepare(1, size)
		impatient(b)
		b.nodes[0].sink.pace = 100 * time.Millisecond
		report := b.run()
		b.expectWhole(report, 0)
		Expect(report.Results[0].Skips).To(BeEmpty())
		Expect(report.Results[0].Late).To(BeFalse())
	})

	It("stays when it was told never to step out", func() {
		b := prepare(3, size)
		impatient(b)
		b.nodes[1].cfg.SlowSink = -1
		b.nodes[1].sink.pace = 100 * time.Millisecond
		report := b.run()
		b.expectWhole(report, 0, 1, 2)
		Expect(report.Results[1].Skips).To(BeEmpty())
	})

	It("stays when the head cannot be called", func() {
		b := prepare(3, size)
		b.send.Listen = ""
		impatient(b)
		b.nodes[1].sink.pace = 100 * time.Millisecond
		report := b.run()
		b.expectWhole(report, 0, 1, 2)
		Expect(report.Results[1].Skips).To(BeEmpty())
	})
})
