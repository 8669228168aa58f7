package chain_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A link that has everything and still writes", func() {
	DescribeTable("is not waited for", func(victim int) {
		b := prepare(4, 2*chunk)
		passed := make(chan struct{})
		b.send.Passed = func() { close(passed) }
		slow := b.nodes[victim].sink
		slow.hang, slow.held = make(chan struct{}), make(chan struct{})
		b.start()
		out := b.background(context.Background())
		Eventually(passed).WithTimeout(10 * second).Should(BeClosed())
		close(slow.hang)
		report := settledIn(out)
		b.expectWhole(report, upTo(4)...)
		Expect(report.Results[victim].Late).To(BeFalse(), "it only wrote")
		b.wait()
	}, Entry("in the middle", 1), Entry("the last, which feeds nobody", 3))
})
