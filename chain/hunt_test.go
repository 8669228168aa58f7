package chain_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// deaf counts the connections of machines that accept them and never answer.
type deaf struct {
	mu               sync.Mutex
	came, open, most int
}

// deafen puts nobody behind the listeners of nodes but somebody who counts.
func (b *broadcast) deafen(nodes ...int) *deaf {
	d := &deaf{}
	for _, i := range nodes {
		r := &relay{}
		l := b.nodes[i].listener
		r.wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				r.keep(c)
				d.count(1)
				r.half(func() { io.Copy(io.Discard, c); d.count(-1) }, c, c)
			}
		})
		DeferCleanup(func() {
			l.Close()
			r.end()
		})
	}
	return d
}

func (d *deaf) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.came += max(0, n)
	d.open += n
	d.most = max(d.most, d.open)
}

func (d *deaf) counts() (came, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.came, d.most
}

// delayed puts a relay before node i that waits before it passes on a connection's first bytes. It returns how many it made wait.
func (b *broadcast) delayed(i int, by time.Duration) func() int64 {
	GinkgoHelper()
	var n atomic.Int64
	b.relayed(i, asItIs, func(dst, src net.Conn) {
		n.Add(1)
		<-time.After(by)
		io.Copy(dst, src)
	})
	return n.Load
}

var _ = Describe("A link before dead neighbours", func() {
	const size = 4 * chunk

	It("calls eight of them at a time, each once", func() {
		b := prepare(10, size)
		b.send.Listen = "" // nor does the head call them
		d := b.deafen(1, 2, 3, 4, 5, 6, 7, 8)
		var came, most int
		b.nodes[9].cfg.Begun = func() { came, most = d.counts() }
		b.nodes[0].start()
		b.nodes[9].start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 9)
		Expect(came).To(Equal(8))
		Expect(most).To(Equal(8))
		for _, r := range report.Results[1:9] {
			Expect(r.Skips).To(HaveLen(1))
			Expect(r.Cause).To(Equal("lost by n0: handshake: no answer in time"))
		}
		b.wait()
	})

	It("takes the nearest that lives, and leaves those behind it alone", func() {
		b := prepare(6, size)
		b.deafen(1, 2)
		for _, i := range []int{0, 3, 4, 5} {
			b.nodes[i].start()
		}
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 3, 4, 5)
		b.wait()
		for _, i := range []int{3, 4, 5} {
			Expect(report.Results[i].Skips).To(BeEmpty())
		}
	})

	It("waits for one that is slow to answer, as long as the dial timeout lasts", func() {
		b := prepare(3, size)
		late := b.delayed(1, second/2)
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 1, 2)
		Expect(late()).To(BeNumerically(">", 0))
		Expect(report.Results[1].Skips).To(BeEmpty())
		b.wait()
	})
})
