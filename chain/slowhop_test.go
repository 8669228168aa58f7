package chain_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/time/rate"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A link with a slow connection", func() {
	const size = 32 << 20

	// roomy gives the links rings that show who is slow.
	roomy := func(n int) (b *broadcast, passed chan struct{}) {
		b = prepare(n, size)
		for _, n := range b.nodes {
			n.cfg.Ring = 8 << 20
		}
		passed = make(chan struct{})
		b.send.Passed = func() { close(passed) }
		return b, passed
	}

	// outlived starts a broadcast in which a link is held at its end until the others have finished without it.
	outlived := func(b *broadcast, passed chan struct{}, victim int) chain.Report {
		GinkgoHelper()
		end := make(chan struct{})
		b.nodes[victim].sink.hangClose = end
		b.start()
		out := b.background(context.Background())
		Eventually(passed).WithTimeout(60 * second).Should(BeClosed())
		for _, i := range without(len(b.nodes), victim) {
			Expect(b.nodes[i].sink.right()).To(BeTrue(), b.nodes[i].name)
		}
		close(end)
		report := settledIn(out)
		b.expectWhole(report, upTo(len(b.nodes))...)
		b.wait()
		for i, r := range report.Results {
			Expect(r.Late).To(Equal(i == victim), "%+v", r)
			if i != victim {
				Expect(r.Skips).To(BeEmpty(), "%+v", r)
			}
		}
		Expect(report.Results[victim].Skips).To(HaveLen(1))
		return report
	}

	DescribeTable("is put aside by its predecessor, which says how slow it is, and the others do not wait for it",
		func(victim int, by, cause string, limits ...chain.Limiter) {
			b, passed := roomy(4)
			b.send.Limits = limits
			s := &strait{}
			s.rate.Store(1 << 20)
			b.narrowed(s, victim, "")
			report := outlived(b, passed, victim)
			skip := report.Results[victim].Skips[0]
			Expect(skip.By).To(Equal(by))
			Expect(skip.Cause).To(MatchRegexp(cause))
			Expect(skip.Offset).To(BeNumerically("<", size/2))
		},
		Entry("the first", 0, "the head", `^its link takes .*/s, that of n1 .*/s$`),
		Entry("the first, of a limited head", 0, "the head", `^its link takes .*/s, that of n1 .*/s$`, rate.NewLimiter(16<<20, 64<<10)),
		Entry("in the middle", 1, "n0", `^its link takes .*/s, that of n2 .*/s$`),
		Entry("the last but one", 2, "n1", `^its link takes .*/s, that of n3 .*/s$`),
		Entry("the last", 3, "n2", `^its link takes .*/s, that before it .*/s$`),
	)

	It("leaves by itself when it is slow towards all that come after it, and those stay", func() {
		b, passed := roomy(5)
		b.nodes[1].cfg.DialFrom = "127.0.0.2"
		s := &strait{}
		s.rate.Store(1 << 20)
		for i := 2; i < 5; i++ {
			b.narrowed(s, i, "127.0.0.2")
		}
		report := outlived(b, passed, 1)
		skip := report.Results[1].Skips[0]
		Expect(skip.By).To(Equal("n1"))
		Expect(skip.Cause).To(MatchRegexp(`^its link gives .*/s to those after it and takes .*/s$`))
	})

	It("stays when the head cannot be called", func() {
		b, _ := roomy(4)
		b.send.Listen = ""
		s := &strait{}
		s.rate.Store(1 << 20)
		b.narrowed(s, 1, "")
		b.start()
		out := b.background(context.Background())
		b.hasBytes(4<<20, 1)
		s.rate.Store(0)
		report := settledIn(out)
		b.expectWhole(report, upTo(4)...)
		Expect(report.Results[1].Skips).To(BeEmpty())
		b.wait()
	})

	It("is not the one that waits for a slow source", func() {
		b := prepare(3, 8<<20)
		b.slowAfter(0)
		report := b.run()
		b.expectWhole(report, 0, 1, 2)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), "%+v", r)
		}
	})

	It("stays when all are slow", func() {
		b := prepare(4, 6<<20)
		s := &strait{}
		s.rate.Store(2 << 20)
		for i, n := range b.nodes {
			n.cfg.Ring = 8 << 20
			b.narrowed(s, i, "")
		}
		report := b.run()
		b.expectWhole(report, upTo(4)...)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), "%+v", r)
		}
	})
})
