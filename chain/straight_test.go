package chain_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
)

var _ = Describe("A chain of healthy links", func() {
	DescribeTable("delivers the image to each", func(links, size int) {
		b := prepare(links, size)
		b.expectWhole(b.run(), upTo(links)...)
	},
		Entry("one link, empty image", 1, 0),
		Entry("three links, empty image", 3, 0),
		Entry("one byte", 2, 1),
		Entry("a frame less one", 2, 64<<10-1),
		Entry("a frame", 2, 64<<10),
		Entry("a frame and one", 2, 64<<10+1),
		Entry("a chunk less one", 2, chunk-1),
		Entry("a chunk", 2, chunk),
		Entry("a chunk and one", 2, chunk+1),
		Entry("more than the rings hold", 2, 23*chunk+17),
		Entry("eight links", 8, 4<<20),
		Entry("fifty links", 50, 2<<20),
	)

	It("is two hundred links long", func() {
		b := prepare(200, 16<<20)
		b.send.StallTimeout, b.send.DialTimeout = 20*second, 20*second // they share a machine's cores
		for _, n := range b.nodes {
			n.cfg.StallTimeout, n.cfg.DialTimeout = 20*second, 20*second
		}
		b.start()
		b.expectWhole(settledIn(b.background(context.Background())), upTo(200)...)
		b.wait()
	})
})
