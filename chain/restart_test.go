package chain_test

import (
	"bytes"
	"context"
	"slices"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A chain whose head", func() {
	const size = 40 * chunk

	// expectPrefix checks that no sink has seen a byte that is not of the first image.
	expectPrefix := func(b *broadcast) {
		GinkgoHelper()
		for _, n := range b.nodes {
			n.sink.mu.Lock()
			Expect(n.sink.wrong).To(BeFalse(), n.name)
			n.sink.mu.Unlock()
		}
	}

	It("sleeps for longer than the stall timeout loses nobody", func() {
		b := prepare(3, size)
		p := b.proxied(0)
		b.start()
		head, open := b.headOf(b.image, 6*chunk)
		b.eachHas(4 * chunk)
		head.signal(syscall.SIGSTOP)
		Eventually(p.hangups.Load).WithTimeout(10*second).Should(BeNumerically(">", 0), "the first link has given the head up")
		head.signal(syscall.SIGCONT)
		open()
		report := head.report()
		b.expectWhole(report, 0, 1, 2)
		for _, r := range report.Results {
			Expect(r.Skips).To(BeEmpty(), r.Name)
		}
		b.wait()
	})

	It("is killed and started again goes on where it was", func() {
		b := prepare(4, size)
		p := b.proxied(0)
		b.start()
		head, _ := b.headOf(b.image, 6*chunk)
		b.eachHas(4 * chunk)
		head.signal(syscall.SIGKILL)
		Eventually(head.gone).WithTimeout(10 * second).Should(BeClosed())
		head, open := b.headOf(b.image, 6*chunk)
		open()
		report := head.report()
		b.expectWhole(report, upTo(4)...)
		for _, r := range report.Results {
			Expect(r.Late).To(BeFalse(), r.Name)
			Expect(r.Skips).To(BeEmpty(), r.Name)
		}
		Expect(p.dataBytes.Load()).To(BeNumerically("<", size+2*chunk), "what had arrived was not sent again")
		b.wait()
	})

	It("is silent when it ends is followed by another that goes on where it was", func() {
		b := prepare(4, size)
		p := b.proxied(0)
		b.start()
		b.send.Silent = true
		ctx, end := context.WithCancel(context.Background())
		open := b.slowAfter(6 * chunk)
		first := b.background(ctx)
		b.eachHas(4 * chunk)
		end()
		settledIn(first)
		open()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, upTo(4)...)
		Expect(p.dataBytes.Load()).To(BeNumerically("<", size+2*chunk), "what had arrived was not sent again")
		b.wait()
	})

	It("is started again with its links in another order goes on where it was", func() {
		b := prepare(4, size)
		b.start()
		head, _ := b.headOf(b.image, 6*chunk)
		b.eachHas(4 * chunk)
		head.signal(syscall.SIGKILL)
		Eventually(head.gone).WithTimeout(10 * second).Should(BeClosed())
		slices.Reverse(b.send.Links)
		slices.Reverse(b.nodes)
		p := b.proxied(0)
		head, open := b.headOf(b.image, 6*chunk)
		open()
		report := head.report()
		b.expectWhole(report, upTo(4)...)
		Expect(p.dataBytes.Load()).To(BeNumerically("<=", size-4*chunk), "what had arrived was not sent again")
		b.wait()
	})

	It("is started again and cannot reach a link at first, is called by it once it can", func() {
		b := prepare(3, size)
		p := b.proxied(1)
		b.start()
		head, _ := b.headOf(b.image, 6*chunk)
		b.eachHas(4 * chunk)
		head.signal(syscall.SIGKILL)
		Eventually(head.gone).WithTimeout(10 * second).Should(BeClosed())
		p.frozen.Store(true)
		b.send.Linger = 60 * second
		b.send.Skipped = func(s chain.Skip) { p.frozen.Store(false) }
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 1, 2)
		Expect(report.Results[1].Late).To(BeTrue())
		b.wait()
	})

	It("is started again with another image mixes nothing", func() {
		b := prepare(3, size)
		for _, n := range b.nodes {
			n.cfg.Manifest = chain.Digest{} // whatever the head sends
		}
		b.start()
		head, _ := b.headOf(b.image, 6*chunk)
		b.eachHas(4 * chunk)
		head.signal(syscall.SIGKILL)
		Eventually(head.gone).WithTimeout(10 * second).Should(BeClosed())
		other := bytes.Clone(b.image)
		other[chunk] ^= 1
		head, open := b.headOf(other, size)
		open()
		report := head.report()
		b.expectWhole(report)
		b.wait()
		expectPrefix(b)
		Expect(report.Results[0].Cause).To(Equal("lost by the head: it has begun with another image"))
		for _, n := range b.nodes {
			Expect(n.err).To(MatchError(ContainSubstring("the broadcast goes on with another image")), n.name)
		}
	})

	It("is not the only one follows the one that was started last", func() {
		b := prepare(4, size)
		open := b.slowAfter(6 * chunk)
		b.start()
		first := b.background(context.Background())
		b.eachHas(4 * chunk)
		newer := b.send
		newer.Source = bytes.NewReader(b.image)
		report, err := chain.Send(context.Background(), newer)
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, upTo(4)...)
		open()
		b.expectWhole(settledIn(first))
		b.wait()
	})
})
