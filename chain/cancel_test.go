package chain_test

import (
	"context"
	"errors"
	"net"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A broadcast that is cancelled", func() {
	// More than a ring and the buffers of a connection hold, and than is sent until the spec gets so far.
	const size = 160 * chunk

	// patient links would wait for another head for a long time.
	patient := func(n int) *broadcast {
		b := prepare(n, size)
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = 10 * 60 * second
		}
		return b
	}

	// expectTold waits for the nodes to end by the word of the head.
	expectTold := func(b *broadcast, nodes ...int) {
		GinkgoHelper()
		for _, i := range nodes {
			n := b.nodes[i]
			Eventually(n.done).WithTimeout(10*second).Should(BeClosed(), n.name)
			Expect(n.err).To(MatchError(ContainSubstring("the operator has other plans")), n.name)
			_, closed, aborted := n.sink.state()
			Expect(closed).To(BeFalse())
			Expect(aborted).To(HaveOccurred())
		}
	}

	It("ends every link of the chain at once, with the cause", func() {
		b := patient(4)
		open := b.slowAfter(6 * chunk)
		defer open()
		b.start()
		ctx, cancel := context.WithCancelCause(context.Background())
		out := b.background(ctx)
		b.eachHas(4 * chunk)
		cancel(errors.New("the operator has other plans"))
		report := settledIn(out)
		expectTold(b, upTo(4)...)
		for _, r := range report.Results {
			Expect(r.Cause).To(Equal("broadcast ended: the operator has other plans"))
		}
	})

	It("ends late joiners that wait for their turn, too", func() {
		b := patient(3)
		open := b.slowAfter(6 * chunk)
		defer open()
		b.nodes[1].absent()
		b.nodes[0].start()
		b.nodes[2].start()
		ctx, cancel := context.WithCancelCause(context.Background())
		joined := b.joined("n1")
		out := b.background(ctx)
		b.hasBytes(4*chunk, 0, 2)
		b.arrive(1)
		Eventually(joined).WithTimeout(10 * second).Should(BeClosed())
		cancel(errors.New("the operator has other plans"))
		settledIn(out)
		expectTold(b, 0, 1, 2)
	})

	It("ends late joiners that are being fed", func() {
		b := patient(2)
		b.send.Linger = 60 * second
		b.nodes[1].absent()
		b.nodes[0].start()
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		ctx, cancel := context.WithCancelCause(context.Background())
		out := b.background(ctx)
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		sink := b.nodes[1].sink
		sink.hang, sink.held = make(chan struct{}), make(chan struct{})
		b.arrive(1)
		Eventually(sink.held).WithTimeout(10 * second).Should(BeClosed())
		cancel(errors.New("the operator has other plans"))
		close(sink.hang)
		settledIn(out)
		expectTold(b, 1)
	})
})

var _ = Describe("A cancelled context", func() {
	It("ends Send at once, at any time", func() {
		for round := range 8 {
			b := prepare(3, 12*chunk)
			open := b.slowAfter(int64(round) * chunk)
			b.start()
			ctx, cancel := context.WithCancel(context.Background())
			out := b.background(ctx)
			b.eachHas(max(0, round-1) * chunk)
			cancel()
			var report chain.Report
			Eventually(out).WithTimeout(second).Should(Receive(&report))
			b.expectWhole(report)
			open()
			for _, n := range b.nodes {
				n.cancel()
			}
			b.wait()
		}
	})

	It("ends Receive at once, before anyone called and in the middle, and leaves the listener open", func() {
		b := prepare(2, 12*chunk)
		open := b.slowAfter(4 * chunk)
		defer open()
		b.start()
		out := b.background(GinkgoT().Context())
		b.eachHas(2 * chunk)
		idle := prepare(1, 1)
		idle.start()
		for _, n := range append(idle.nodes, b.nodes[1]) {
			n.cancel()
			Eventually(n.done).WithTimeout(second).Should(BeClosed())
			Expect(n.err).To(MatchError(context.Canceled))
			Expect(n.result.OK).To(BeFalse())
			conn, err := net.Dial("tcp", n.listener.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			conn.Close()
		}
		open()
		report := settledIn(out)
		Expect(report.Results[0].OK).To(BeTrue())
		Expect(report.Results[1].OK).To(BeFalse())
	})
})
