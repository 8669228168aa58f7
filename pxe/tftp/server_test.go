package tftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe/tftp"
)

var _ = Describe("The server", func() {
	DescribeTable("sends a file as it is",
		func(block int) {
			r := start(nil)
			c := r.client()
			c.BlockSize = block
			for _, size := range []int{0, 1, 511, 512, 513, 1427, 1428, 1429, 100_000} {
				want := r.file("f", size)
				var got bytes.Buffer
				Expect(tftp.Fetch(background(), c, "f", &got, 1<<20)).To(BeEquivalentTo(size))
				Expect(bytes.Equal(got.Bytes(), want)).To(BeTrue(), "size %d", size)
			}
		},
		Entry("in blocks of an Ethernet frame", 0),
		Entry("in the oldest blocks", 512),
		Entry("in blocks smaller than it makes, taking its own size", 8),
		Entry("in odd blocks", 1427),
		Entry("in the largest blocks", 65464),
	)

	It("sends more blocks than a block number can count", func() {
		r := start(nil)
		want := r.file("initrd", 65536*512+100)
		var got bytes.Buffer
		c := r.client()
		c.BlockSize = 512
		Expect(tftp.Fetch(background(), c, "initrd", &got, 1<<30)).To(BeEquivalentTo(len(want)))
		Expect(bytes.Equal(got.Bytes(), want)).To(BeTrue())
	})

	It("finds files in directories, with or without a slash in front, through links that stay inside", func() {
		r := start(nil)
		r.file("pxelinux.cfg/0A4D000B", 100)
		Expect(os.Symlink("pxelinux.cfg/0A4D000B", filepath.Join(r.root, "link"))).To(Succeed())
		for _, name := range []string{"pxelinux.cfg/0A4D000B", "/pxelinux.cfg/0A4D000B", "//pxelinux.cfg//0A4D000B", "link"} {
			Expect(tftp.Fetch(background(), r.client(), name, &bytes.Buffer{}, 1<<20)).To(BeEquivalentTo(100), name)
		}
	})

	It("tells the size and a block size that fits before it sends", func() {
		r := start(nil)
		r.file("kernel", 12345)
		p := newPeer()
		p.send(r.server.Addr(), rrq+"kernel"+octet+"tsize\x000\x00blksize\x001428\x00timeout\x005\x00")
		answer := p.receive()
		Expect(answer).To(HavePrefix(oack))
		Expect(answer).To(And(ContainSubstring("tsize\x0012345\x00"), ContainSubstring("blksize\x001428\x00")))
		Expect(answer).NotTo(ContainSubstring("timeout"), "an option that is not understood is not mentioned (RFC 2347)")
		p.send(p.last, ack+"\x00\x00")
		Expect(p.receive()).To(And(HavePrefix(data+"\x00\x01"), HaveLen(4+1428)))
		p.send(p.last, fail+"\x00\x00done\x00")
	})

	It("agrees to no larger blocks than it may", func() {
		r := start(func(c *tftp.Config) { c.BlockSize = 1448 })
		r.file("kernel", 12345)
		p := newPeer()
		p.send(r.server.Addr(), rrq+"kernel"+octet+"blksize\x008192\x00")
		Expect(p.receive()).To(And(HavePrefix(oack), ContainSubstring("blksize\x001448\x00")))
		p.send(p.last, fail+"\x00\x00done\x00")
	})

	It("takes it as normal that firmware asks for the size and leaves", func() {
		r := start(nil)
		r.file("kernel", 12345)
		p := newPeer()
		p.send(r.server.Addr(), rrq+"kernel"+octet+"tsize\x000\x00")
		Expect(p.receive()).To(HavePrefix(oack))
		p.send(p.last, fail+"\x00\x08User aborted the transfer\x00")
		var t tftp.Transfer
		Eventually(r.transfers).Should(Receive(&t))
		Expect(t.Err).To(MatchError(tftp.ErrAborted))
		Expect(t.Bytes).To(BeZero())
	})

	It("tells who fetched what", func() {
		r := start(nil)
		r.file("kernel", 3000)
		c := r.client()
		c.From = netip.MustParseAddr("127.0.0.77")
		_, err := tftp.Fetch(background(), c, "kernel", &bytes.Buffer{}, 1<<20)
		Expect(err).NotTo(HaveOccurred())
		var t tftp.Transfer
		Eventually(r.transfers).Should(Receive(&t))
		Expect(t.Peer.Addr()).To(Equal(c.From))
		Expect(t.File).To(Equal("kernel"))
		Expect(t.Bytes).To(BeEquivalentTo(3000))
		Expect(t.Took).To(BeNumerically(">", 0))
		Expect(t.Err).NotTo(HaveOccurred())
	})

	It("serves fifty machines at once", func() {
		r := start(nil)
		want := r.file("kernel", 300_000)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				defer GinkgoRecover()
				c := r.client()
				c.From = netip.AddrFrom4([4]byte{127, 0, 1, byte(i)})
				var got bytes.Buffer
				_, err := tftp.Fetch(background(), c, "kernel", &got, 1<<20)
				Expect(err).NotTo(HaveOccurred())
				Expect(bytes.Equal(got.Bytes(), want)).To(BeTrue())
			})
		}
		wg.Wait()
	})
})

var _ = Describe("The server's root", func() {
	DescribeTable("is all that can be reached",
		func(name, why string) {
			r := start(nil)
			outside := GinkgoT().TempDir()
			Expect(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644)).To(Succeed())
			Expect(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(r.root, "link-out"))).To(Succeed())
			Expect(os.Symlink("../"+filepath.Base(outside)+"/secret", filepath.Join(r.root, "link-up"))).To(Succeed())
			Expect(os.Symlink(outside, filepath.Join(r.root, "dir-out"))).To(Succeed())
			Expect(os.Mkdir(filepath.Join(r.root, "dir"), 0o755)).To(Succeed())
			Expect(syscall.Mkfifo(filepath.Join(r.root, "fifo"), 0o644)).To(Succeed())

			p := newPeer()
			p.send(r.server.Addr(), rrq+name+octet)
			Expect(p.receive()).To(And(HavePrefix(fail), ContainSubstring(why), Not(ContainSubstring(r.root))))
			var t tftp.Transfer
			Eventually(r.transfers).Should(Receive(&t))
			Expect(t.File).To(Equal(name))
			Expect(t.Err).To(HaveOccurred())
		},
		Entry("a missing file", "nothing", "file not found"),
		Entry("climbing", "../secret", "bad file name"),
		Entry("climbing from the top", "/../../etc/passwd", "bad file name"),
		Entry("climbing inside", "dir/../../etc/passwd", "bad file name"),
		Entry("a link to a file outside", "link-out", "file not found"),
		Entry("a relative link outside", "link-up", "file not found"),
		Entry("a link to a directory outside", "dir-out/secret", "file not found"),
		Entry("the names of another system", `dir\..\..\etc\passwd`, "bad file name"),
		Entry("a directory", "dir", "not a regular file"),
		Entry("a named pipe, without waiting for it", "fifo", "not a regular file"),
		Entry("no name", "", "bad file name"),
		Entry("the root itself", "/", "bad file name"),
		Entry("a very long name", strings.Repeat("a", 400), "file not found"),
		Entry("bytes that are no text", "\xff\xfe", "bad file name"),
	)

	It("is never written to", func() {
		r := start(nil)
		p := newPeer()
		p.send(r.server.Addr(), wrq+"new"+octet)
		Expect(p.receive()).To(HavePrefix(fail))
		Expect(os.ReadDir(r.root)).To(BeEmpty())
	})
})

var _ = Describe("The server, under attack,", func() {
	// The library packs the options of the request again; this one no longer fits when the size of the file is told.
	overflow := rrq + "f\x00\x00tsize\x000\x00blksize\x00" + strings.Repeat("0", 491) + "512\x00"

	It("survives a request that its library does not", func() {
		r := start(func(c *tftp.Config) { c.Timeout = 200 * time.Millisecond })
		r.file("f", 1_000_000)
		for range 20 { // options are packed in any order
			newPeer().send(r.server.Addr(), overflow)
			var t tftp.Transfer
			Eventually(r.transfers).Should(Receive(&t))
			Expect(t.Err).To(HaveOccurred())
		}
		Expect(tftp.Fetch(background(), r.client(), "f", &bytes.Buffer{}, 1<<20)).To(BeEquivalentTo(1_000_000))
	})

	It("survives packets of anything", func() {
		r := start(func(c *tftp.Config) { c.Timeout = 200 * time.Millisecond })
		r.file("f", 1000)
		draw := rand.New(rand.NewPCG(1, 2))
		p := newPeer()
		for i := range 500 {
			b := make([]byte, draw.IntN(600))
			for j := range b {
				b[j] = byte(draw.UintN(256))
			}
			if len(b) > 2 && i%2 == 0 {
				binary.BigEndian.PutUint16(b, uint16(draw.IntN(8)))
			}
			p.send(r.server.Addr(), string(b))
		}
		Expect(tftp.Fetch(background(), r.client(), "f", &bytes.Buffer{}, 1<<20)).To(BeEquivalentTo(1000))
	})

	It("refuses more transfers than it may have, and takes new ones when old ones have ended", func() {
		r := start(func(c *tftp.Config) { c.MaxTransfers = 1; c.Timeout = 10 * time.Second })
		r.file("f", 1000)
		holder := newPeer()
		holder.send(r.server.Addr(), rrq+"f"+octet)
		Expect(holder.receive()).To(HavePrefix(data))
		at := holder.last

		_, err := tftp.Fetch(background(), r.client(), "f", &bytes.Buffer{}, 1<<20)
		Expect(err).To(MatchError(ContainSubstring("too many transfers")))

		holder.send(at, fail+"\x00\x00enough\x00")
		Eventually(func() error {
			_, err := tftp.Fetch(background(), r.client(), "f", &bytes.Buffer{}, 1<<20)
			return err
		}).Should(Succeed())
	})

	It("ends a transfer that takes too long, however well its peer answers", func() {
		r := start(func(c *tftp.Config) { c.MaxTime = 100 * time.Millisecond; c.Timeout = 10 * time.Millisecond })
		r.file("f", 1<<20)
		p := newPeer()
		p.send(r.server.Addr(), rrq+"f"+octet)
		seen := ""
		for packet := p.receive(); !strings.HasPrefix(packet, fail); packet = p.receive() {
			if packet == seen { // acknowledge what was sent twice: one block in each timeout
				p.send(p.last, ack+packet[2:4])
			}
			seen = packet
		}
		var t tftp.Transfer
		Eventually(r.transfers).Should(Receive(&t))
		Expect(t.Err).To(MatchError(ContainSubstring("longer than 100ms")))
	})

	It("gives up a peer that has gone", func() {
		r := start(func(c *tftp.Config) { c.Timeout = 5 * time.Millisecond })
		r.file("f", 1000)
		newPeer().send(r.server.Addr(), rrq+"f"+octet)
		var t tftp.Transfer
		Eventually(r.transfers, "5s").Should(Receive(&t))
		Expect(t.Err).To(HaveOccurred())
	})
})

var _ = Describe("Starting and closing", func() {
	DescribeTable("says in one line what to change",
		func(change func(*tftp.Config), why string) {
			taken := newPeer().addr()
			c := tftp.Config{Listen: taken.String(), Root: GinkgoT().TempDir()}
			change(&c)
			_, err := tftp.Start(c)
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(err.Error()).NotTo(ContainSubstring("\n"))
		},
		Entry("when the port is taken", func(*tftp.Config) {}, "in use by another program: stop it or change tftp_listen"),
		Entry("when the address is not ours", func(c *tftp.Config) { c.Listen = "192.0.2.1:6969" }, "no address of this machine"),
		Entry("when the address is none", func(c *tftp.Config) { c.Listen = "nonsense" }, `listen address "nonsense"`),
		Entry("when there is no root", func(c *tftp.Config) { c.Root = "/nowhere" }, "/nowhere"),
	)

	It("ends transfers at their next block, and only waits as long as it may for peers that do not answer", func() {
		r := start(func(c *tftp.Config) { c.Timeout = 200 * time.Millisecond })
		r.file("f", 1<<20)
		p := newPeer()
		p.send(r.server.Addr(), rrq+"f"+octet)
		Expect(p.receive()).To(HavePrefix(data))

		short, cancel := context.WithTimeout(background(), 10*time.Millisecond)
		defer cancel()
		Expect(r.server.Close(short)).To(MatchError(context.DeadlineExceeded))
		p.send(p.last, ack+"\x00\x01")
		Expect(r.server.Close(background())).To(Succeed())

		var t tftp.Transfer
		Expect(r.transfers).To(Receive(&t))
		Expect(t.Err).To(MatchError(context.Canceled))
	})

	DescribeTable("closes on any loopback address, as often as it is told to", func(listen string) {
		r := start(func(c *tftp.Config) { c.Listen = listen })
		Expect(r.server.Close(background())).To(Succeed())
		Expect(r.server.Close(background())).To(Succeed())
	}, Entry("IPv4", "127.0.0.9:0"), Entry("IPv6", "[::1]:0"))

	It("answers nobody once it is closed, and frees the port", func() {
		r := start(nil)
		Expect(r.server.Close(background())).To(Succeed())
		again, err := tftp.Start(tftp.Config{Listen: r.server.Addr().String(), Root: r.root})
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Close(background())).To(Succeed())
	})

	It("closes cleanly while requests pour in", func() {
		r := start(nil)
		r.file("f", 100)
		ctx, stop := context.WithCancel(background())
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for ctx.Err() == nil {
					c := r.client()
					c.From = netip.MustParseAddr(fmt.Sprintf("127.0.2.%d", i))
					_, _ = tftp.Fetch(ctx, c, "f", &bytes.Buffer{}, 1<<20)
				}
			})
		}
		for range 100 {
			Eventually(r.transfers).Should(Receive())
		}
		Expect(r.server.Close(background())).To(Succeed())
		stop()
		wg.Wait()
	})
})
