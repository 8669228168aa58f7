package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"golang.org/x/sys/unix"
)

var _ = Describe("kadeploy-agent chain", func() {
	const size = 9*mib + 12345

	It("brings a file to every machine", func() {
		c := newCast(size)
		all := c.many(4)
		s := c.send()
		exits(s, 0)
		c.whole(all...)
		Expect(text(s.Out)).To(MatchRegexp(`(?s)^NODE +STATE +BYTES +SECONDS +MB/s +SKIPS +CAUSE\n127.0.0.1:\d+ +OK +%d +\d+\.\d +\d+\.\d +0\n.*\n4 of 4 nodes OK, %d bytes in .*\(exit code 0\)\n$`, size, size))
	})

	DescribeTable("brings a file of any size", func(size int, flags ...string) {
		c := newCast(size)
		all := c.many(2)
		exits(c.send(flags...), 0)
		c.whole(all...)
	},
		Entry("nothing", 0), Entry("a byte", 1), Entry("a chunk", mib), Entry("a chunk and a byte", mib+1),
		Entry("small chunks", 100_000, "--chunk", "4K"), Entry("under a rate", 3*mib, "--rate", "80Mbit"),
	)

	It("encrypts when both sides want it", func() {
		c := newCast(size)
		r := c.receive("-o", "OUT", "--tls")
		exits(c.send("--tls"), 0)
		c.whole(r)
	})

	It("brings standard input to standard output, commands and pipes", func() {
		c := newCast(size)
		out := c.receive("-o", "-")
		command := c.receive("-O", "cat > OUT; echo it said so", "--fsync")
		pipe := filepath.Join(c.dir, "pipe")
		Expect(unix.Mkfifo(pipe, 0o600)).To(Succeed())
		fifo := c.receive("-o", pipe)
		read := make(chan []byte, 1)
		go func() {
			got, _ := os.ReadFile(pipe)
			read <- got
		}()
		exits(c.sendStream(bytes.NewReader(c.content), "-i", "-"), 0)
		c.whole(command)
		Expect(text(command.Out)).To(Equal("it said so\n"))
		exits(out.Session, 0)
		Expect(bytes.Equal(out.Out.Contents(), c.content)).To(BeTrue())
		exits(fifo.Session, 0)
		var got []byte
		Eventually(read).Should(Receive(&got))
		Expect(bytes.Equal(got, c.content)).To(BeTrue())
	})

	It("sends standard input while it comes, and leaves nothing of it behind", func() {
		c := newCast(4 * mib)
		all := c.many(2)
		spool := GinkgoT().TempDir()
		stdin, feed := pipe()
		s := c.sendStream(stdin, "-i", "-", "--spool", spool)
		Expect(feed.Write(c.content[:2*mib])).To(Equal(2 * mib))
		each(2*mib, all...)
		Expect(os.ReadDir(spool)).To(BeEmpty())
		Expect(feed.Write(c.content[2*mib:])).To(Equal(2 * mib))
		feed.Close()
		exits(s, 0)
		c.whole(all...)
	})

	It("reads a file that is standard input from where it stands", func() {
		c := newCast(3 * mib)
		r := c.receive()
		f, err := os.Open(c.image)
		Expect(err).NotTo(HaveOccurred())
		defer f.Close()
		_, err = f.Seek(mib, io.SeekStart)
		Expect(err).NotTo(HaveOccurred())
		c.content = c.content[mib:]
		exits(c.sendStream(f, "-i", "-", "--spool", "/nonexistent"), 0)
		c.whole(r)
	})

	It("takes the key from the environment and keeps it from commands", func() {
		key := strings.Repeat("abcd", 16)
		GinkgoT().Setenv("KADEPLOY_CHAIN_KEY", key)
		r := start(nil, "chain", "receive", "-l", "127.0.0.1:0", "-O", "cat >/dev/null; env")
		Eventually(r.Err, patient).Should(gbytes.Say(`listening on \S+\n`))
		s := start(strings.NewReader("data"), "chain", "send", "-N", string(listening.FindSubmatch(r.Err.Contents())[1]), "-i", "-", "--linger", "0")
		exits(s, 0)
		exits(r, 0)
		Expect(text(r.Out)).To(ContainSubstring("PATH="))
		Expect(text(r.Out) + text(r.Err) + text(s.Out) + text(s.Err)).NotTo(ContainSubstring(key))
	})

	It("takes the key from standard input, as ssh brings it", func() {
		c := newCast(size)
		r := &receiver{dir: GinkgoT().TempDir()}
		r.out = filepath.Join(r.dir, "out")
		r.Session = start(strings.NewReader(strings.Repeat("5", 64)), "chain", "receive", "-k", "-", "-l", "127.0.0.1:0", "-o", r.out)
		Eventually(r.Err, patient).Should(gbytes.Say(`listening on \S+\n`))
		r.addr = string(listening.FindSubmatch(r.Err.Contents())[1])
		c.receivers = []*receiver{r}
		exits(c.send(), 0)
		c.whole(r)
	})

	It("reports as JSON, and names the machines in files", func() {
		c := newCast(size)
		good := c.receive()
		bad := c.receive("-o", "/dev/full")
		ok, ko := filepath.Join(c.dir, "ok"), filepath.Join(c.dir, "ko")
		s := c.send("--output", "json", "--ok", ok, "--ko", ko)
		exits(s, 2)
		c.whole(good)
		Expect(os.ReadFile(ok)).To(BeEquivalentTo(good.addr + "\n"))
		Expect(os.ReadFile(ko)).To(BeEquivalentTo(bad.addr + "\n"))
		var report struct {
			OK, KO, Bytes int
			Image         string
			Nodes         []struct {
				Name, Cause string
				OK          bool
				Bytes       int
				Seconds     float64
			}
		}
		Expect(json.Unmarshal(s.Out.Contents(), &report)).To(Succeed())
		Expect([]int{report.OK, report.KO, report.Bytes}).To(Equal([]int{1, 1, size}))
		Expect(report.Image).To(HaveLen(64))
		Expect(report.Nodes).To(HaveLen(2))
		Expect(report.Nodes[0].Seconds).To(BeNumerically(">", 0))
		Expect(report.Nodes[1].Cause).To(ContainSubstring("no space left on device"))
	})

	It("writes the files also when there is nobody to name", func() {
		c := newCast(1)
		c.receive()
		ok, ko := filepath.Join(c.dir, "ok"), filepath.Join(c.dir, "ko")
		exits(c.send("--ok", ok, "--ko", ko), 0)
		Expect(os.ReadFile(ko)).To(BeEmpty())
		Expect(os.ReadFile(ok)).NotTo(BeEmpty())
	})

	It("makes keys", func() {
		s := start(nil, "chain", "key")
		exits(s, 0)
		Expect(text(s.Out)).To(MatchRegexp("^[0-9a-f]{64}\n$"))
	})
})
