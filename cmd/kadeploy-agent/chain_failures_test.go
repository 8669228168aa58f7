package main_test

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// spoiled is the address of a way to a receiver that changes one byte of what goes there, as far from the beginning as that is.
func spoiled(receiver string, at int64) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	var ways sync.WaitGroup
	var done atomic.Bool
	ways.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", receiver)
			if err != nil {
				from.Close()
				continue
			}
			ways.Go(func() {
				defer from.Close()
				_, _ = io.Copy(from, to)
			})
			ways.Go(func() {
				defer to.Close()
				b := make([]byte, 1)
				_, _ = io.CopyN(to, from, at)
				if _, err := io.ReadFull(from, b); err != nil {
					return
				}
				if done.CompareAndSwap(false, true) {
					b[0] ^= 1
				}
				_, _ = to.Write(b)
				_, _ = io.Copy(to, from)
			})
		}
	})
	DeferCleanup(func() {
		l.Close()
		ways.Wait()
	})
	return l.Addr().String()
}

var _ = Describe("kadeploy-agent chain, when machines fail,", func() {
	const size = 16 * mib

	// halfway sends the first half of the image and returns when all receivers have written most of it. rest sends the other half.
	halfway := func(c *cast, flags ...string) (s *gexec.Session, rest func()) {
		GinkgoHelper()
		stdin, feed := pipe()
		s = c.sendStream(stdin, append([]string{"-i", "-"}, flags...)...)
		Expect(feed.Write(c.content[:size/2])).To(Equal(size / 2))
		each(size/2, c.receivers...)
		return s, func() {
			GinkgoHelper()
			_, err := feed.Write(c.content[size/2:])
			Expect(err).NotTo(HaveOccurred())
			feed.Close()
		}
	}

	DescribeTable("goes on without one that is killed", func(victim int) {
		c := newCast(size)
		all := c.many(4)
		s, rest := halfway(c)
		all[victim].Kill()
		Eventually(s.Err, patient).Should(gbytes.Say(`%s skipped by \S+( head)? at \S+ \S+: `, all[victim].addr))
		rest()
		exits(s, 2)
		for i, r := range all {
			if i != victim {
				c.whole(r)
			}
		}
		Expect(text(s.Out)).To(MatchRegexp(all[victim].addr + ` +KO +\d+ .* 1 +lost by `))
	}, Entry("the first", 0), Entry("one in the middle", 2), Entry("the last", 3))

	It("names the way that spoils a byte, and sends the chunk again", func() {
		c := newCast(size)
		all := c.many(3)
		behind := all[1].addr
		all[1].addr = spoiled(behind, 3*mib)
		s := c.send()
		exits(s, 0)
		c.whole(all...)
		Expect(text(s.Err)).To(ContainSubstring(all[1].addr + " got 1 chunk corrupt from " + all[0].addr + ", sent again\n"))
		Expect(text(s.Out)).To(MatchRegexp(all[1].addr + ` +OK .* 0 +corrupt chunks that were sent again: 1, from ` + all[0].addr + `\n`))
	})

	It("gives one that was frozen the rest later", func() {
		c := newCast(size)
		all := c.many(3)
		s, rest := halfway(c, "--linger", "30s")
		Expect(all[1].Command.Process.Signal(syscall.SIGSTOP)).To(Succeed())
		Eventually(s.Err, patient).Should(gbytes.Say(`%s skipped by %s at `, all[1].addr, all[0].addr))
		Expect(all[1].Command.Process.Signal(syscall.SIGCONT)).To(Succeed())
		rest()
		exits(s, 0)
		c.whole(all...)
		Expect(text(s.Out)).To(MatchRegexp(all[1].addr + ` +OK .* 1 +fed late by the head; skipped by `))
	})

	It("gives one that starts late all of it", func() {
		c := newCast(size)
		all := c.many(2)
		late := &receiver{addr: "127.0.0.1:" + strconv.Itoa(freePort())}
		c.receivers = append([]*receiver{late}, all...)
		stdin, feed := pipe()
		s := c.sendStream(stdin, "-i", "-", "--linger", "30s")
		Expect(feed.Write(c.content[:size/2])).To(Equal(size / 2))
		each(size/2, all...)
		Expect(text(s.Err)).To(ContainSubstring(late.addr + " skipped by the head at 0 B: dial: connection refused"))
		late = c.receive("-o", "OUT", "-l", late.addr)
		Expect(feed.Write(c.content[size/2:])).To(Equal(size / 2))
		feed.Close()
		exits(s, 0)
		c.whole(append(all, late)...)
	})

	It("lets receivers finish with a sender that was killed and started again", func() {
		c := newCast(size)
		all := c.many(3)
		first := c.send("--rate", "4M")
		each(2*mib, all...)
		first.Kill()
		Eventually(first, patient).Should(gexec.Exit())
		exits(c.send(), 0)
		c.whole(all...)
	})

	It("tells all when the sender is interrupted, and leaves nothing half written", func() {
		c := newCast(size)
		all := c.many(3)
		s, _ := halfway(c)
		s.Interrupt()
		exits(s, 1)
		Expect(text(s.Err)).To(ContainSubstring("kadeploy-agent: interrupt signal received\n"))
		for _, r := range all {
			exits(r.Session, 1)
			Expect(oneLine(r.Session)).To(ContainSubstring("interrupt"))
			Expect(r.files()).To(BeEmpty())
		}
	})

	It("loses a receiver that is terminated, which leaves nothing behind", func() {
		c := newCast(size)
		all := c.many(3)
		s, rest := halfway(c)
		all[1].Terminate()
		exits(all[1].Session, 1)
		Expect(oneLine(all[1].Session)).To(ContainSubstring("terminated signal received"))
		Expect(all[1].files()).To(BeEmpty())
		rest()
		exits(s, 2)
		c.whole(all[0], all[2])
	})

	It("says who has another key", func() {
		c := newCast(size)
		good := c.receive()
		Expect(os.WriteFile(c.key, []byte(strings.Repeat("6", 64)), 0o600)).To(Succeed())
		other := c.receive("-o", "OUT", "--wait", "5s")
		Expect(os.WriteFile(c.key, []byte(strings.Repeat("5", 64)), 0o600)).To(Succeed())
		s := c.send()
		exits(s, 2)
		Expect(text(s.Out)).To(MatchRegexp(other.addr + ` +KO .*another key`))
		c.whole(good)
		exits(other.Session, 1)
		Expect(oneLine(other.Session)).To(ContainSubstring("nobody with the key called within 5s"))
		Expect(other.files()).To(BeEmpty())
	})

	It("exits 1 when there is nobody", func() {
		c := newCast(1)
		c.receivers = []*receiver{{addr: "127.0.0.1:" + strconv.Itoa(freePort())}}
		s := c.send()
		exits(s, 1)
		Expect(text(s.Out)).To(ContainSubstring("0 of 1 node OK, image "))
		Expect(text(s.Out)).To(ContainSubstring("lost by the head: dial: connection refused"))
	})

	It("gives up when nobody calls", func() {
		r := newCast(1).receive("-o", "OUT", "--wait", "50ms")
		exits(r.Session, 1)
		Expect(oneLine(r.Session)).To(ContainSubstring("nobody with the key called within 50ms: is the sender running, and is it the same key?"))
		Expect(r.files()).To(BeEmpty())
	})

	It("waits for the rest longer than for the first call", func() {
		c := newCast(size)
		r := c.receive("-o", "OUT", "--wait", "3s")
		s, rest := halfway(c)
		Consistently(r.Exited, "4s").ShouldNot(BeClosed())
		rest()
		exits(s, 0)
		c.whole(r)
	})

	It("gives up when its sender is gone for good", func() {
		c := newCast(size)
		r := c.receive("-o", "OUT", "--orphan", "1s")
		s, _ := halfway(c)
		s.Kill()
		exits(r.Session, 1)
		Expect(oneLine(r.Session)).To(ContainSubstring("predecessor the head died"))
		Expect(r.files()).To(BeEmpty())
	})
})
