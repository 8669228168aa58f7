package chain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// freeAddress is one that nobody listens at.
func freeAddress() string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().String()
}

var _ = Describe("What a chain trusts", func() {
	const size = 12 * chunk

	When("a hop spoils a byte", func() {
		DescribeTable("sends the chunk again, counts it against that hop alone, and names it", func(hop int, from string) {
			b := prepare(5, size)
			p := b.proxied(hop)
			p.spoilAt = 5*chunk + 1234
			p.spoil.Store(1)
			var told []chain.Spoil
			b.send.Spoiled = func(s chain.Spoil) { told = append(told, s) }
			report := b.run()
			b.expectWhole(report, upTo(5)...)
			for i, r := range report.Results {
				want, by := 0, ""
				if i == hop {
					want, by = 1, from
				}
				Expect(r.Corrupt).To(Equal(want), r.Name)
				Expect(r.Spoiler).To(Equal(by), r.Name)
			}
			Expect(told).To(ConsistOf(chain.Spoil{Name: b.nodes[hop].name, By: from, Chunks: 1}))
			Expect(told[0].String()).To(HaveSuffix(" got 1 chunk corrupt from " + from + ", sent again"))
		}, Entry("head to first", 0, "the head"), Entry("first to second", 1, "n0"), Entry("to the last", 4, "n3"))

		DescribeTable("gets the chunk from the head when it does so every time", func(hop int) {
			b := prepare(4, size)
			p := b.proxied(hop)
			p.spoilAt = 5*chunk + 1234
			p.spoil.Store(1 << 30)
			report := b.run()
			b.expectWhole(report, upTo(4)...)
			for i, r := range report.Results {
				Expect(r.Corrupt > 0).To(Equal(i == hop), "%s: %d", r.Name, r.Corrupt)
			}
		}, Entry("head to first", 0), Entry("in the middle", 2), Entry("to the last", 3))

		DescribeTable("loses the link behind it when the head cannot be asked, and no other", func(hop int, from string) {
			b := prepare(4, size)
			b.send.Listen = ""
			p := b.proxied(hop)
			p.spoilAt = 5*chunk + 1234
			p.spoil.Store(1 << 30)
			for _, n := range b.nodes {
				n.cfg.Ring = size // the others have no need of the head
			}
			report := b.run()
			b.expectWhole(report, without(4, hop)...)
			Expect(report.Results[hop].Cause).To(ContainSubstring("are in no ring any more and the head serves no ranges"))
			length, closed, _ := b.nodes[hop].sink.state()
			Expect(length).To(BeNumerically("<=", 5*chunk), "no byte of the chunk reached the sink")
			Expect(closed).To(BeFalse())
		}, Entry("head to first", 0, "the head"), Entry("in the middle", 2, "n1"), Entry("to the last", 3, "n2"))
	})

	It("does not keep a link in the chain whose connection spoils one chunk after the other", func() {
		b := prepare(4, size)
		p := b.proxied(1)
		p.spoilChunk = func(n int64) bool { return n%2 == 1 }
		for _, n := range b.nodes {
			n.cfg.Ring = size // what is asked for again is still there
		}
		report := b.run()
		b.expectWhole(report, upTo(4)...)
		for i, r := range report.Results {
			Expect(r.Late).To(Equal(i == 1), "%+v", r)
		}
		r := report.Results[1]
		Expect(r.Corrupt).To(BeNumerically(">=", 8))
		Expect(r.Skips).To(HaveLen(1))
		Expect(r.Skips[0].Cause).To(Equal("chunks arrived corrupt 8 times from n0"))
	})

	It("is the head's own fault when the image changes under it", func() {
		b := prepare(2, size)
		changed := bytes.Clone(b.image)
		changed[7*chunk] ^= 1
		b.send.Source = bytes.NewReader(changed)
		for _, n := range b.nodes {
			n.cfg.OrphanTimeout = second
		}
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).To(MatchError(ContainSubstring("chunk 7 is not what the manifest says: the image changed")))
		b.expectWhole(report)
		b.wait()
	})

	It("is the head's own fault when the image is shorter than the manifest says", func() {
		b := prepare(1, size)
		b.send.Source = bytes.NewReader(b.image[:size-1])
		b.nodes[0].cfg.OrphanTimeout = second
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).To(MatchError(io.ErrUnexpectedEOF))
		b.expectWhole(report)
		b.wait()
	})

	It("refuses another image than the one that was ordered", func() {
		b := prepare(3, size)
		b.nodes[1].cfg.Manifest = chain.Digest{1}
		report := b.run()
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(HavePrefix("predecessor has another image: manifest "))
		Expect(b.nodes[1].err).To(MatchError(ContainSubstring("predecessor has another image")))
		length, closed, _ := b.nodes[1].sink.state()
		Expect(length).To(BeZero())
		Expect(closed).To(BeFalse())
	})

	It("refuses a plan that takes it for another machine", func() {
		b := prepare(2, size)
		b.nodes[1].cfg.Name = "elsewhere"
		b.nodes[1].name = "n1"
		report := b.run()
		b.expectWhole(report, 0)
		Expect(report.Results[1].Cause).To(Equal("this link is elsewhere, the plan has n1 at this address"))
	})

	DescribeTable("gives nothing to a peer without the key", func(change func(*node)) {
		b := prepare(3, size)
		change(b.nodes[1])
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(ContainSubstring("another key or transfer"))
		length, _, _ := b.nodes[1].sink.state()
		Expect(length).To(BeZero())
	},
		Entry("another key", func(n *node) { n.cfg.Key[31] ^= 1 }),
		Entry("another transfer", func(n *node) { n.cfg.Transfer[0] ^= 1 }),
	)

	DescribeTable("answers a stranger with 40 bytes at most, and is not disturbed", func(door func(*broadcast) string, roles ...byte) {
		b := prepare(2, size)
		b.send.Listen = freeAddress()
		turnstile := &turnstile{limit: 4 * chunk, gate: make(chan struct{})} // it lasts until all have been there
		b.send.Limits = []chain.Limiter{turnstile}
		b.start()
		out := b.background(context.Background())
		b.eachHas(2 * chunk)
		said := [][]byte{[]byte("GET / HTTP/1.0\r\n\r\n"), bytes.Repeat([]byte{0xff}, 4096)}
		for _, role := range roles { // with the transfer's id, which can be overheard, and a proof that is none
			hello := append([]byte{'K', 'D', 'C', 'H', 2, role, 0, 0}, b.send.Transfer[:]...)
			said = append(said, append(hello, bytes.Repeat([]byte{7}, 32+32)...))
		}
		for _, words := range said {
			conn, err := net.Dial("tcp", door(b))
			Expect(err).NotTo(HaveOccurred())
			_, err = conn.Write(words)
			Expect(err).NotTo(HaveOccurred())
			Expect(conn.SetReadDeadline(time.Now().Add(5 * second))).To(Succeed())
			answer, err := io.ReadAll(conn)
			Expect(errors.Is(err, os.ErrDeadlineExceeded)).To(BeFalse(), "it is hung up on")
			Expect(len(answer)).To(BeNumerically("<=", 40))
			conn.Close()
		}
		close(turnstile.gate)
		b.expectWhole(settledIn(out), 0, 1)
		b.wait()
	},
		Entry("who calls a link", func(b *broadcast) string { return b.nodes[0].listener.Addr().String() }, byte(1), byte(4)),
		Entry("who calls the head", func(b *broadcast) string { return b.send.Listen }, byte(2), byte(3)),
	)

	It("tells a newer dialer which version it speaks", func() {
		b := prepare(1, 1)
		b.nodes[0].start()
		conn, err := net.Dial("tcp", b.nodes[0].listener.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = conn.Write(append([]byte("KDCH\x03"), make([]byte, 51)...))
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.SetReadDeadline(time.Now().Add(5 * second))).To(Succeed())
		answer, err := io.ReadAll(conn)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer[:5])).To(Equal("KDCH\x02"))
	})
})

var _ = Describe("Progress of the head", func() {
	It("follows each link to its end, one call at a time", func() {
		b := prepare(4, 12*chunk)
		last := make(map[string]chain.Progress)
		b.send.Progress = func(p chain.Progress) {
			before := last[p.Name] // a map: overlapping calls are a race
			Expect(p.State).To(BeNumerically(">=", before.State))
			Expect(p.Written).To(BeNumerically(">=", before.Written))
			last[p.Name] = p
		}
		b.expectWhole(b.run(), upTo(4)...)
		Expect(last).To(HaveLen(4))
		for _, p := range last {
			Expect(p.State).To(Equal(chain.Done))
			Expect(p.Written).To(BeEquivalentTo(12 * chunk))
		}
	})
})
