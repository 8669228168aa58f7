package chain_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// without lists 0 to n-1 but the ones given.
func without(n int, lost ...int) []int {
	return slices.DeleteFunc(upTo(n), func(i int) bool { return slices.Contains(lost, i) })
}

// background sends while the spec goes on.
func (b *broadcast) background(ctx context.Context) <-chan chain.Report {
	out := make(chan chain.Report, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := chain.Send(ctx, b.send)
		out <- r
	}()
	DeferCleanup(func() { <-done })
	return out
}

func settledIn(out <-chan chain.Report) (r chain.Report) {
	GinkgoHelper()
	Eventually(out).WithTimeout(120 * second).Should(Receive(&r))
	return r
}

var _ = Describe("A chain that loses links", func() {
	const size = 12 * chunk

	DescribeTable("serves all others when links are killed in the middle of the transfer", func(victims ...int) {
		b := prepare(6, size)
		open := b.slowAfter(4 * chunk)
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		for _, v := range victims {
			b.nodes[v].kill()
		}
		open()
		report := settledIn(out)
		b.expectWhole(report, without(6, victims...)...)
		for _, v := range victims {
			Expect(report.Results[v].Cause).To(HavePrefix("lost by "))
		}
		b.wait()
	},
		Entry("the first", 0),
		Entry("one in the middle", 3),
		Entry("the last", 5),
		Entry("two neighbours", 2, 3),
		Entry("the first two", 0, 1),
		Entry("every other", 1, 3, 5),
		Entry("all but the last", 0, 1, 2, 3, 4),
		Entry("all", 0, 1, 2, 3, 4, 5),
	)

	It("names the predecessor that lost a link, and why", func() {
		b := prepare(3, size)
		b.nodes[1].listener.Close()
		b.nodes[0].start()
		b.nodes[2].start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(Equal("lost by n0: dial: connection refused"))
		b.wait()
	})

	It("skips a machine that accepts connections and never reads", func() {
		b := prepare(4, size)
		for _, i := range []int{0, 2, 3} { // the kernel accepts for node 1, and nobody is behind it
			b.nodes[i].start()
		}
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2, 3)
		Expect(report.Results[1].Cause).To(Equal("lost by n0: handshake: no answer in time"))
		b.wait()
	})

	DescribeTable("skips links that are cut off in the middle of the transfer, and feeds them when they call the head", func(victims ...int) {
		b := prepare(6, size)
		var ways []*proxy
		for _, v := range victims {
			ways = append(ways, b.proxied(v))
		}
		open := b.slowAfter(4 * chunk)
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		for _, p := range ways {
			p.frozen.Store(true)
		}
		open()
		report := settledIn(out)
		b.expectWhole(report, upTo(6)...)
		by := "the head"
		for i, r := range report.Results {
			if !slices.Contains(victims, i) {
				by = r.Name
				continue
			}
			Expect(r.Late).To(BeTrue(), r.Name)
			Expect(r.Skips).To(HaveLen(1), r.Name)
			Expect(r.Skips[0].By).To(Equal(by), "the nearest before %s that is not cut off", r.Name)
			// When both ends notice at the same moment the predecessor calls once more, in vain.
			Expect(r.Skips[0].Cause).To(MatchRegexp("^(silent for 1s|handshake: no answer in time|handshake: closed the connection after our hello.*)$"))
		}
		b.wait()
	},
		Entry("the first", 0), Entry("one in the middle", 2), Entry("the last", 5),
		Entry("the first two", 0, 1), Entry("two neighbours in the middle", 2, 3), Entry("the last two", 4, 5), Entry("every other", 1, 3, 5),
	)

	It("feeds those after a link that is lost and does not know, once that one ends", func() {
		const size = 60 * chunk // some seconds, unless the gate is open
		b := prepare(3, size)
		b.send.Listen = ""                            // nobody is called back
		b.send.StallTimeout = 4 * b.send.StallTimeout // nobody is lost by silence here
		for _, n := range b.nodes {
			n.cfg.Ring, n.cfg.StallTimeout, n.cfg.OrphanTimeout = size, b.send.StallTimeout, 30*second
		}
		toFirst, toSecond, toLast := b.proxied(0), b.proxied(1), b.proxied(2)
		open := b.slowAfter(4 * chunk)
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		toFirst.frozen.Store(true) // the head does not hear whom n0 loses
		toSecond.frozen.Store(true)
		toSecond.cut()
		Eventually(toLast.hangups.Load).WithTimeout(20*second).Should(BeNumerically(">", 0), "n2 has left n1: n0 feeds it")
		toSecond.frozen.Store(false)
		toFirst.cut()
		open()
		b.hasBytes(size, 1) // the head feeds n1
		length, _, _ := b.nodes[2].sink.state()
		Expect(length).To(BeNumerically("<", size), "n0 feeds n2 still")
		b.nodes[0].kill()
		b.expectWhole(settledIn(out), 1, 2)
		b.wait()
	})

	It("notices the death of a predecessor also while it waits for those after it", func() {
		b := prepare(2, 160*chunk) // more than all buffers hold
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout, n.cfg.SlowSink = second, -1
		}
		last := b.nodes[1].sink
		last.hang, last.held = make(chan struct{}), make(chan struct{})
		b.start()
		head, _ := b.headOf(b.image, int64(len(b.image)))
		Eventually(last.held).WithTimeout(10 * second).Should(BeClosed())
		before := -1
		Eventually(func() bool {
			now, _, _ := b.nodes[0].sink.state()
			stands := now == before
			before = now
			return stands
		}).WithTimeout(20 * second).WithPolling(second).Should(BeTrue())
		Expect(before).To(BeNumerically("<", len(b.image)), "n0 waits for n1")
		head.signal(syscall.SIGKILL)
		Eventually(b.nodes[0].done).WithTimeout(20 * second).Should(BeClosed())
		Expect(b.nodes[0].err).To(MatchError(ContainSubstring("predecessor the head died")))
		close(last.hang)
		b.wait()
	})

	It("gives up a link that is cut off when the head cannot be called", func() {
		b := prepare(4, size)
		b.send.Listen = ""
		for _, n := range b.nodes {
			n.cfg.Ring = size // the others have no need of the head
		}
		p := b.proxied(2)
		open := b.slowAfter(4 * chunk)
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		p.frozen.Store(true)
		open()
		b.expectWhole(settledIn(out), 0, 1, 3)
		b.wait()
		Expect(b.nodes[2].err).To(MatchError(ContainSubstring("nobody took over within 5s")))
	})

	It("goes on from where it was when a connection breaks and its link lives", func() {
		b := prepare(3, size)
		p := b.proxied(1)
		p.dropAfter.Store(20)
		b.expectWhole(b.run(), 0, 1, 2)
		Expect(p.connections()).To(Equal(2))
		Expect(p.dataBytes.Load()).To(BeNumerically("<=", size+2*chunk), "it did not begin again")
	})

	When("a follower is further behind than its new predecessor's ring reaches", func() {
		lagging := func(listen string, change ...func(*broadcast)) (*broadcast, chain.Report) {
			b := prepare(3, 40<<20)
			b.send.Listen = listen
			slow := b.nodes[2].sink
			slow.hang, slow.held = make(chan struct{}), make(chan struct{})
			open := b.slowAfter(36 << 20)
			for _, c := range change {
				c(b)
			}
			b.start()
			out := b.background(context.Background())
			Eventually(slow.held).WithTimeout(10 * second).Should(BeClosed())
			Eventually(func() int { l, _, _ := b.nodes[0].sink.state(); return l }).WithTimeout(20 * second).Should(BeNumerically(">", 8<<20))
			b.nodes[1].kill()
			close(slow.hang)
			open()
			report := settledIn(out)
			b.wait()
			return b, report
		}

		It("gets the gap from the head", func() {
			b, report := lagging("127.0.0.1:0")
			b.expectWhole(report, 0, 2)
		})

		It("counts what the head's way spoils of the gap against the head", func() {
			b, report := lagging("127.0.0.1:0", func(b *broadcast) { b.send.Source = &forgetful{ReaderAt: b.send.Source} })
			b.expectWhole(report, 0, 2)
			Expect(report.Results[2].Corrupt).To(Equal(1))
			Expect(report.Results[2].Spoiler).To(Equal("the head"))
		})

		It("fails with the gap as its cause when the head serves no ranges, and nobody else does", func() {
			b, report := lagging("")
			b.expectWhole(report, 0)
			Expect(report.Results[2].Cause).To(ContainSubstring("are in no ring any more"))
		})
	})

	It("ends every link, in the head's words, when the head is ended", func() {
		b := prepare(5, size)
		open := b.slowAfter(4 * chunk)
		defer open()
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = second
		}
		b.start()
		ctx, cancel := context.WithCancel(context.Background())
		out := b.background(ctx)
		b.eachHas(2 * chunk)
		cancel()
		settledIn(out)
		for _, n := range b.nodes {
			Eventually(n.done).WithTimeout(4*second).Should(BeClosed(), n.name)
			Expect(n.err).To(MatchError(ContainSubstring("receive: the head gave up: context canceled")))
			Expect(errors.As(n.err, new(*chain.ForsakenError))).To(BeTrue())
			_, closed, aborted := n.sink.state()
			Expect(closed).To(BeFalse())
			Expect(aborted).To(HaveOccurred())
		}
	})

	It("finishes without the head when every byte has left it", func() {
		b := prepare(3, size)
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = second
		}
		last := b.nodes[2].sink
		last.hang, last.held = make(chan struct{}), make(chan struct{})
		b.start()
		ctx, cancel := context.WithCancel(context.Background())
		out := b.background(ctx)
		Eventually(last.held).WithTimeout(10 * second).Should(BeClosed())
		b.hasBytes(size, 0, 1)
		cancel()
		report := settledIn(out)
		Expect(report.Results[2].OK).To(BeFalse())
		close(last.hang)
		b.wait()
		for _, n := range b.nodes {
			Expect(n.err).NotTo(HaveOccurred())
			Expect(n.result.OK).To(BeTrue())
		}
	})

	It("has a cause of one line for every link that is not OK", func() {
		b := prepare(4, size)
		for _, n := range b.nodes {
			n.listener.Close()
		}
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect(report.OK()).To(BeZero())
		for _, r := range report.Results {
			Expect(strings.ContainsAny(r.Cause, "\r\n")).To(BeFalse())
			Expect(r.Cause).To(HavePrefix("lost by the head: "))
		}
	})
})

var _ = Describe("A link that never was", func() {
	It("is an error of the caller when names are not unique", func() {
		b := prepare(2, 1)
		b.send.Links[1].Name = "n0"
		_, err := chain.Send(context.Background(), b.send)
		Expect(err).To(MatchError(ContainSubstring("names unique")))
	})

	It("does not keep a chain of no links from ending", func() {
		b := prepare(0, 1)
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Results).To(BeEmpty())
	})
})
