package chain_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// encrypted turns TLS on everywhere.
func (b *broadcast) encrypted() {
	b.send.TLS = true
	for _, n := range b.nodes {
		n.cfg.TLS = true
	}
}

// eavesdropper stands before node i and takes part in TLS on both sides, with a certificate of its own. It counts what it can read.
func (b *broadcast) eavesdropper(i int) *atomic.Int64 {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	mine := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, InsecureSkipVerify: true}
	seen := new(atomic.Int64)
	b.relayed(i, func(from, to net.Conn) (net.Conn, net.Conn) {
		return tls.Server(from, mine), tls.Client(to, mine)
	}, func(dst, src net.Conn) {
		n, _ := io.Copy(dst, src)
		seen.Add(n)
	})
	return seen
}

var _ = Describe("A chain with TLS", func() {
	const size = 12 * chunk

	It("delivers the image, and nothing of it can be read on its way", func() {
		b := prepare(3, size)
		b.encrypted()
		wire := b.recorded(1)
		b.expectWhole(b.run(), 0, 1, 2)
		seen := wire()
		Expect(len(seen)).To(BeNumerically(">", size))
		for at := 0; at < size; at += chunk {
			Expect(bytes.Contains(seen, b.image[at:at+16])).To(BeFalse(), "byte %d", at)
		}
		Expect(bytes.Contains(seen, []byte(b.send.Links[2].Addr))).To(BeFalse(), "the plan")
	})

	It("survives a death, serves late joiners and ranges", func() {
		b := prepare(4, 40<<20)
		b.encrypted()
		slow := b.nodes[2].sink
		slow.hang, slow.held = make(chan struct{}), make(chan struct{})
		b.nodes[3].absent()
		begun := make(chan struct{})
		b.nodes[3].cfg.Begun = func() { close(begun) }
		open := b.slowAfter(36 << 20)
		for _, i := range upTo(3) {
			b.nodes[i].start()
		}
		out := b.background(context.Background())
		Eventually(slow.held).WithTimeout(10 * second).Should(BeClosed())
		b.hasBytes(8<<20, 0)
		b.nodes[1].kill()
		close(slow.hang)
		b.arrive(3)
		Eventually(begun).WithTimeout(20 * second).Should(BeClosed())
		open()
		b.expectWhole(settledIn(out), 0, 2, 3)
		b.wait()
	})

	It("loses a link that has none, and says why", func() {
		b := prepare(3, size)
		b.encrypted()
		b.nodes[1].cfg.TLS = false
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(ContainSubstring("only one side has TLS"))
	})

	It("loses a link that has it when the others do not, and says why", func() {
		b := prepare(3, size)
		b.nodes[1].cfg.TLS = true
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(ContainSubstring("only one side has TLS"))
	})

	It("gives nothing to somebody in the middle who ends TLS on both sides", func() {
		b := prepare(3, size)
		b.encrypted()
		seen := b.eavesdropper(1)
		b.start()
		report, err := b.sendNow(context.Background())
		Expect(err).NotTo(HaveOccurred())
		b.expectWhole(report, 0, 2)
		Expect(report.Results[1].Cause).To(ContainSubstring("another key or transfer"))
		length, _, _ := b.nodes[1].sink.state()
		Expect(length).To(BeZero())
		Expect(seen.Load()).To(BeNumerically(">", 0), "it was in the middle")
		Expect(seen.Load()).To(BeNumerically("<", 4<<10), "it saw handshakes alone")
	})
})
