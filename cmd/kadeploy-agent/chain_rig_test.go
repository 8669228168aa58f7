package main_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

const mib = 1 << 20

// patient is for what a busy machine may take its time to do.
const patient = "60s"

// cast is a broadcast of processes on loopback: each receiver has a directory of its own.
type cast struct {
	dir, image, key string
	content         []byte
	receivers       []*receiver
}

type receiver struct {
	*gexec.Session
	addr, dir, out string // out is FILE of -o, if it has one
}

// newCast has an image of size bytes and a key.
func newCast(size int) *cast {
	GinkgoHelper()
	c := &cast{dir: GinkgoT().TempDir(), content: make([]byte, size)}
	rand.NewChaCha8([32]byte{1}).Read(c.content)
	c.image, c.key = filepath.Join(c.dir, "image"), filepath.Join(c.dir, "key")
	Expect(os.WriteFile(c.image, c.content, 0o600)).To(Succeed())
	Expect(os.WriteFile(c.key, []byte(strings.Repeat("5", 64)), 0o600)).To(Succeed())
	return c
}

// run starts a chain command with the key in a file.
func (c *cast) run(stdin io.Reader, args ...string) *gexec.Session {
	GinkgoHelper()
	return start(stdin, append([]string{"chain", args[0], "-k", c.key}, args[1:]...)...)
}

func start(stdin io.Reader, args ...string) *gexec.Session {
	GinkgoHelper()
	return startProgram(stdin, program, args...)
}

func startProgram(stdin io.Reader, name string, args ...string) *gexec.Session {
	GinkgoHelper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	s, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		s.Kill()
		Eventually(s, patient).Should(gexec.Exit())
	})
	return s
}

var listening = regexp.MustCompile(`listening on (\S+)\n`)

// receive starts a receiver on a free port, or on the one given by -l, and waits until it listens. OUT in its arguments is its own file.
func (c *cast) receive(args ...string) *receiver {
	GinkgoHelper()
	r := &receiver{dir: GinkgoT().TempDir()}
	r.out = filepath.Join(r.dir, "out")
	if len(args) == 0 {
		args = []string{"-o", "OUT"}
	}
	line := []string{"receive", "-l", "127.0.0.1:0", "--stall", "1s", "--orphan", "10s"}
	for _, a := range args {
		line = append(line, strings.ReplaceAll(a, "OUT", r.out))
	}
	r.Session = c.run(nil, line...)
	Eventually(r.Err, patient).Should(gbytes.Say(`listening on \S+\n`))
	r.addr = string(listening.FindSubmatch(r.Err.Contents())[1])
	c.receivers = append(c.receivers, r)
	return r
}

// many starts n receivers that write files.
func (c *cast) many(n int) []*receiver {
	GinkgoHelper()
	for range n {
		c.receive()
	}
	return c.receivers
}

// send starts a sender of the image, or with -i of something else, to all receivers.
func (c *cast) send(args ...string) *gexec.Session {
	GinkgoHelper()
	return c.sendStream(nil, append([]string{"-i", c.image}, args...)...)
}

func (c *cast) sendStream(stdin io.Reader, args ...string) *gexec.Session {
	GinkgoHelper()
	line := []string{"send", "--stall", "1s", "--gather", "0", "--linger", "0"}
	for _, r := range c.receivers {
		line = append(line, "-N", r.addr)
	}
	return c.run(stdin, append(line, args...)...)
}

// pipe is a standard input that the spec feeds.
func pipe() (stdin, feed *os.File) {
	GinkgoHelper()
	stdin, feed, err := os.Pipe()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		stdin.Close()
		feed.Close() // most specs have closed it
	})
	return stdin, feed
}

// exits waits for an end with a code.
func exits(s *gexec.Session, code int) {
	GinkgoHelper()
	Eventually(s, patient).Should(gexec.Exit(code))
}

// whole waits until a receiver has ended well, and checks its file.
func (c *cast) whole(all ...*receiver) {
	GinkgoHelper()
	for _, r := range all {
		exits(r.Session, 0)
		got, err := os.ReadFile(r.out)
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Equal(got, c.content)).To(BeTrue(), "%s has the image", r.addr)
		Expect(r.files()).To(Equal([]string{"out"}))
		Expect(r.Err).To(gbytes.Say(`received %d bytes in .* MB/s\), image blake3-manifest [0-9a-f]{64}\n`, len(c.content)))
	}
}

// files lists what is in a receiver's directory.
func (r *receiver) files() (names []string) {
	entries, _ := os.ReadDir(r.dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wrote is how much of the image a receiver's file holds, wherever it is.
func (r *receiver) wrote() int64 {
	for _, name := range r.files() {
		if info, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			return info.Size()
		}
	}
	return 0
}

// each waits until all of them have written so many bytes.
func each(n int64, all ...*receiver) {
	GinkgoHelper()
	for _, r := range all {
		Eventually(r.wrote, patient).Should(BeNumerically(">=", n), r.addr)
	}
}

func text(b *gbytes.Buffer) string { return string(b.Contents()) }

func oneLine(s *gexec.Session) string {
	GinkgoHelper()
	var lines []string
	for line := range strings.Lines(text(s.Err)) {
		if !strings.HasPrefix(line, "listening on ") {
			lines = append(lines, line)
		}
	}
	Expect(lines).To(HaveLen(1), fmt.Sprint(lines))
	Expect(lines[0]).To(HavePrefix("kadeploy-agent: "))
	return lines[0]
}
