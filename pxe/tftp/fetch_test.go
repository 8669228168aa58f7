package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe/tftp"
)

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

var _ = Describe("Fetch", func() {
	// against plays a server by hand: script gets the request and answers it.
	type outcome struct {
		n    int64
		err  error
		body string
	}
	var (
		server *peer
		result chan outcome
	)
	BeforeEach(func() {
		server = newPeer()
		result = make(chan outcome, 1)
	})
	fetch := func(ctx context.Context, change func(*tftp.Client)) {
		c := tftp.Client{Server: server.addr(), Timeout: 50 * time.Millisecond, Retries: 2}
		if change != nil {
			change(&c)
		}
		out := result
		go func() {
			var b bytes.Buffer
			n, err := tftp.Fetch(ctx, c, "kernel", &b, 1000)
			out <- outcome{n, err, b.String()}
		}()
	}
	finish := func() outcome {
		GinkgoHelper()
		var o outcome
		Eventually(result, "5s").Should(Receive(&o))
		return o
	}

	It("asks for size and block size in one request", func() {
		fetch(background(), func(c *tftp.Client) { c.BlockSize = 1000 })
		Expect(server.receive()).To(Equal(rrq + "kernel" + octet + "tsize\x000\x00blksize\x001000\x00"))
		server.send(server.last, fail+"\x00\x02no\x00")
		Expect(finish().err).To(MatchError(ContainSubstring("server says: no (code 2)")))
	})

	It("understands a server that knows no options", func() {
		fetch(background(), nil)
		server.receive()
		server.send(server.last, data+"\x00\x01"+strings.Repeat("a", 512))
		Expect(server.receive()).To(Equal(ack + "\x00\x01"))
		server.send(server.last, data+"\x00\x02bb")
		Expect(server.receive()).To(Equal(ack + "\x00\x02"))
		Expect(finish()).To(Equal(outcome{514, nil, strings.Repeat("a", 512) + "bb"}))
	})

	It("asks again when its packets or the server's are lost", func() {
		fetch(background(), nil)
		first := server.receive()
		Expect(server.receive()).To(Equal(first), "the request was lost")
		server.send(server.last, oack+"blksize\x00512\x00")
		Expect(server.receive()).To(Equal(ack + "\x00\x00"))
		Expect(server.receive()).To(Equal(ack+"\x00\x00"), "the first block was lost")
		server.send(server.last, data+"\x00\x01end")
		Expect(finish().body).To(Equal("end"))
	})

	It("acknowledges again a block that comes again, for the first acknowledgement may be lost", func() {
		fetch(background(), func(c *tftp.Client) { c.Timeout = 5 * time.Second })
		server.receive()
		server.send(server.last, oack+"blksize\x00512\x00")
		Expect(server.receive()).To(Equal(ack + "\x00\x00"))
		server.send(server.last, oack+"blksize\x00512\x00")
		Expect(server.receive()).To(Equal(ack + "\x00\x00"))
		block := data + "\x00\x01" + strings.Repeat("a", 512)
		for range 3 {
			server.send(server.last, block)
			Expect(server.receive()).To(Equal(ack + "\x00\x01"))
		}
		server.send(server.last, data+"\x00\x02b")
		Expect(server.receive()).To(Equal(ack + "\x00\x02"))
		Expect(finish().n).To(BeEquivalentTo(513))
	})

	It("sends a stranger away and goes on", func() {
		fetch(background(), func(c *tftp.Client) { c.Timeout = 5 * time.Second })
		server.receive()
		client := server.last
		server.send(client, data+"\x00\x01"+strings.Repeat("a", 512))
		Expect(server.receive()).To(HavePrefix(ack))
		stranger := newPeer()
		stranger.send(client, data+"\x00\x02evil")
		Expect(stranger.receive()).To(HavePrefix(fail + "\x00\x05"))
		server.send(client, data+"\x00\x02good")
		Expect(finish().body).To(HaveSuffix("good"))
	})

	It("gives up a server that does not answer", func() {
		fetch(background(), func(c *tftp.Client) { c.Timeout = 10 * time.Millisecond })
		Expect(finish().err).To(MatchError(And(ContainSubstring("fetch kernel from tftp server "+server.addr().String()),
			ContainSubstring("no answer after 3 tries of 10ms"))))
	})

	It("refuses a file that is announced as larger than the limit, before any of it comes", func() {
		fetch(background(), nil)
		server.receive()
		server.send(server.last, oack+"tsize\x001001\x00")
		Expect(server.receive()).To(HavePrefix(fail + "\x00\x03"))
		o := finish()
		Expect(o.err).To(MatchError(tftp.ErrTooLarge))
		Expect(o.n).To(BeZero())
	})

	It("refuses a file that turns out to be larger than the limit", func() {
		fetch(background(), nil)
		server.receive()
		server.send(server.last, data+"\x00\x01"+strings.Repeat("a", 512))
		server.receive()
		server.send(server.last, data+"\x00\x02"+strings.Repeat("a", 512))
		Expect(server.receive()).To(HavePrefix(fail + "\x00\x03"))
		o := finish()
		Expect(o.err).To(MatchError(tftp.ErrTooLarge))
		Expect(o.n).To(BeEquivalentTo(512))
	})

	DescribeTable("refuses what no server may say",
		func(packet, why string) {
			fetch(background(), nil)
			server.receive()
			server.send(server.last, packet)
			Expect(finish().err).To(MatchError(ContainSubstring(why)))
		},
		Entry("a larger block size than was asked for", oack+"blksize\x0065464\x00", "block size of 65464"),
		Entry("a block of no size", oack+"blksize\x000\x00", "block size of 0"),
		Entry("a block longer than agreed", data+"\x00\x01"+strings.Repeat("a", 513), "unexpected packet"),
	)

	It("shows an error's text without what could disturb a terminal", func() {
		fetch(background(), nil)
		server.receive()
		server.send(server.last, fail+"\x00\x01file\x1b[2J\nnot found\x00rest")
		Expect(finish().err).To(MatchError(ContainSubstring("server says: file?[2J?not found (code 1)")))
	})

	It("returns at once when its context ends, and tells the server", func() {
		ctx, cancel := context.WithCancelCause(background())
		fetch(ctx, func(c *tftp.Client) { c.Timeout = time.Hour })
		server.receive()
		server.send(server.last, data+"\x00\x01"+strings.Repeat("a", 512))
		Expect(server.receive()).To(HavePrefix(ack))
		cancel(errors.New("power off"))
		Expect(server.receive()).To(And(HavePrefix(fail), ContainSubstring("power off")))
		Expect(finish().err).To(MatchError(ContainSubstring("power off")))
	})

	It("stops when the file cannot be kept", func() {
		r := start(nil)
		r.file("f", 5000)
		_, err := tftp.Fetch(background(), r.client(), "f", brokenWriter{}, 1<<20)
		Expect(err).To(MatchError(ContainSubstring("no space left")))
		var t tftp.Transfer
		Eventually(r.transfers).Should(Receive(&t))
		Expect(t.Err).To(MatchError(ContainSubstring("no space left")))
	})

	DescribeTable("refuses a request that cannot be made",
		func(name string, block int) {
			_, err := tftp.Fetch(background(), tftp.Client{Server: server.addr(), BlockSize: block}, name, &bytes.Buffer{}, 1)
			Expect(err).To(HaveOccurred())
		},
		Entry("no name", "", 512),
		Entry("a zero byte in the name", "a\x00b", 512),
		Entry("a name that fills the packet", strings.Repeat("a", 500), 512),
		Entry("blocks too small", "a", 7),
		Entry("blocks too large", "a", 65465),
	)
})
