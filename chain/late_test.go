package chain_test

import (
	"context"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A link that comes late", func() {
	const size = 40 * chunk // some seconds of slow reading

	It("is called by the head while the transfer runs, and gets everything", func() {
		b := prepare(3, size)
		b.send.Linger = 60 * second
		open := b.slowAfter(4 * chunk)
		b.nodes[1].absent()
		b.nodes[0].start()
		b.nodes[2].start()
		begun := make(chan struct{})
		b.nodes[1].cfg.Begun = func() { close(begun) }
		out := b.background(context.Background())
		b.hasBytes(2*chunk, 0, 2)
		b.arrive(1)
		Eventually(begun).WithTimeout(10 * second).Should(BeClosed())
		length, _, _ := b.nodes[1].sink.state()
		Expect(length).To(BeZero(), "it waits for the others")
		open()
		report := settledIn(out)
		b.expectWhole(report, 0, 1, 2)
		r := report.Results[1]
		Expect(r.Late).To(BeTrue())
		Expect(r.Skips).To(ConsistOf(chain.Skip{Name: "n1", By: "n0", Cause: "dial: connection refused"}))
		b.wait()
		Expect(b.nodes[1].result.Late).To(BeTrue())
		Expect(b.nodes[2].result.Late).To(BeFalse())
	})

	It("is waited for when it lives: whoever lost it may have been cut off", func() {
		b := prepare(6, size)
		var hops []*proxy
		for _, i := range without(6, 0) {
			hops = append(hops, b.proxied(i))
		}
		open := b.slowAfter(4 * chunk)
		b.send.Skipped = func(s chain.Skip) {
			if s.Name != "n5" {
				return
			}
			hops[0].frozen.Store(false)
			for _, h := range hops {
				h.deaf.Store(false)
			}
		}
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		open()
		hops[0].frozen.Store(true)
		for _, h := range hops { // they feed each other, but n0 reaches nobody
			h.deaf.Store(true)
		}
		b.expectWhole(settledIn(out), upTo(6)...)
		b.wait()
	})

	It("is fed only when the last byte has left the head for the chain", func() {
		b := prepare(4, size)
		b.send.Linger = 60 * second
		open := b.slowAfter(4 * chunk)
		d := &diary{ReaderAt: b.send.Source}
		b.send.Source = d
		b.nodes[2].absent()
		for _, i := range without(4, 2) {
			b.nodes[i].start()
		}
		begun := make(chan struct{})
		b.nodes[2].cfg.Begun = func() { close(begun) }
		out := b.background(context.Background())
		b.hasBytes(2*chunk, 0, 1, 3)
		b.arrive(2)
		Eventually(begun).WithTimeout(10 * second).Should(BeClosed())
		open()
		b.expectWhole(settledIn(out), upTo(4)...)
		toEnd, again := d.order()
		Expect(again).To(BeNumerically(">", toEnd))
		b.wait()
	})

	It("is still called for a while when the chain is settled, if the head lingers", func() {
		b := prepare(3, size)
		b.send.Linger = 60 * second
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		b.nodes[0].absent()
		b.nodes[1].start()
		b.nodes[2].start()
		out := b.background(context.Background())
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		b.arrive(0)
		report := settledIn(out)
		b.expectWhole(report, 0, 1, 2)
		Expect(report.Results[0].Late).To(BeTrue())
		Expect(report.Elapsed).To(BeNumerically("<", 60*second), "nobody is missing any more")
		b.wait()
	})

	It("is not waited for when the head does not linger", func() {
		b := prepare(2, size)
		b.nodes[1].absent()
		b.nodes[0].start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0)
		Expect(report.Results[1].Late).To(BeFalse())
		Expect(report.Results[1].Elapsed).To(BeNumerically(">", 0))
		b.wait()
	})

	It("is called although many before it never answer", func() {
		b := prepare(14, size)
		b.send.Linger = 60 * second
		b.deafen(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		b.nodes[13].absent()
		b.nodes[0].start()
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		done := b.told("n13", func(p chain.Progress) bool { return p.State == chain.Done })
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		out := b.background(ctx)
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		b.arrive(13)
		Eventually(done).WithTimeout(20 * second).Should(BeClosed())
		cancel()
		report := settledIn(out)
		Expect(report.Results[13].OK).To(BeTrue(), "%+v", report.Results[13])
		b.wait()
	})

	It("is one of several", func() {
		b := prepare(6, size)
		b.send.Linger = 60 * second
		open := b.slowAfter(4 * chunk)
		for i, n := range b.nodes {
			if i%2 == 0 {
				n.absent()
				continue
			}
			n.start()
		}
		out := b.background(context.Background())
		b.hasBytes(2*chunk, 1, 3, 5)
		var begun atomic.Int64
		for i := 0; i < 6; i += 2 {
			b.nodes[i].cfg.Begun = func() { begun.Add(1) }
			b.arrive(i)
		}
		Eventually(begun.Load).WithTimeout(20 * second).Should(BeEquivalentTo(3))
		open()
		report := settledIn(out)
		b.expectWhole(report, upTo(6)...)
		for i, r := range report.Results {
			Expect(r.Late).To(Equal(i%2 == 0), r.Name)
		}
		b.wait()
	})

	It("fails alone when it dies while it is fed", func() {
		b := prepare(3, size)
		b.send.Linger = second
		b.nodes[1].absent()
		b.nodes[0].start()
		b.nodes[2].start()
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		sink := b.nodes[1].sink
		sink.hang, sink.held = make(chan struct{}), make(chan struct{})
		out := b.background(context.Background())
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		b.arrive(1)
		Eventually(sink.held).WithTimeout(10 * second).Should(BeClosed())
		b.nodes[1].kill()
		close(sink.hang)
		report := settledIn(out)
		b.expectWhole(report, 0, 2)
		r := report.Results[1]
		Expect(r.Late).To(BeTrue())
		Expect(r.Skips).To(ConsistOf(HaveField("Cause", "dial: connection refused")), "how it left the chain")
		Expect(r.Cause).To(MatchRegexp("^lost by the head: (connection closed|(read|write): (connection reset by peer|broken pipe))$"))
		b.wait()
	})

	It("is no reason to linger when it has failed by itself", func() {
		b := prepare(2, size)
		b.send.Linger = 10 * 60 * second
		b.nodes[1].sink.failAt = 2 * chunk
		report := b.run()
		b.expectWhole(report, 0)
		Expect(report.Results[1].Late).To(BeFalse())
	})
})
