package main_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// screen is a terminal of so many columns, and all that was ever written to it.
type screen struct {
	program *os.File
	mu      sync.Mutex
	seen    []byte
}

func newScreen(columns uint16) *screen {
	GinkgoHelper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)).To(Succeed())
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	Expect(err).NotTo(HaveOccurred())
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: columns})).To(Succeed())
	s := &screen{program: program}
	var watcher sync.WaitGroup
	watcher.Go(func() { _, _ = io.Copy(s, person) }) // until the program's end is closed
	DeferCleanup(func() {
		program.Close()
		watcher.Wait()
		person.Close()
	})
	return s
}

// Write is what the terminal shows.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, p...)
	return len(p), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.seen)
}

var _ = Describe("kadeploy-agent chain send, on a terminal,", func() {
	var c *cast
	var shown *screen
	var cmd *exec.Cmd

	// begin sends slowly to a living receiver and to one that is not there.
	begin := func(columns uint16, flags ...string) {
		GinkgoHelper()
		GinkgoT().Setenv("TERM", "xterm")
		c, shown = newCast(4*mib), newScreen(columns)
		c.receive()
		cmd = exec.Command(program, append([]string{"chain", "send", "-k", c.key, "-i", c.image, "-N", c.receivers[0].addr, "-N", "127.0.0.1:1",
			"--rate", "4M", "--gather", "0", "--linger", "0"}, flags...)...)
		cmd.Stderr = shown.program
		Expect(cmd.Start()).To(Succeed())
		DeferCleanup(func() {
			_ = cmd.Process.Kill() // when the spec failed before the end
			_ = cmd.Wait()
		})
	}
	end := func() {
		GinkgoHelper()
		_ = cmd.Wait()
		Expect(cmd.ProcessState.ExitCode()).To(Equal(2))
		c.whole(c.receivers...)
	}

	It("draws one line over and over, below lines that stay", func() {
		begin(100)
		Eventually(shown.text, patient).Should(MatchRegexp(`\r +\d+ %  \d\.\d MiB of 4\.0 MiB  \d+\.\d MB/s  ETA \d\.\d s  2 nodes: 0 done, 1 lost\x1b\[K\r`))
		end()
		Expect(shown.text()).To(MatchRegexp(`127.0.0.1:1 skipped by 127.0.0.1:\d+ at 0 B: dial: connection refused\r\n`))
		Eventually(shown.text, patient).Should(HaveSuffix("\r\x1b[K"), "the last one is gone")
	})

	It("draws no more than the terminal is wide", func() {
		begin(20)
		Eventually(shown.text, patient).Should(MatchRegexp(`\r[^\r]{19}\x1b\[K\r`))
		end()
	})

	It("draws nothing when it is told not to", func() {
		begin(100, "--no-progress")
		end()
		Expect(shown.text()).To(MatchRegexp(`^127.0.0.1:1 skipped by [^\r]*\r\n$`))
	})
})
