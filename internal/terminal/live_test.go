package terminal_test

import (
	"fmt"
	"os"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
)

// pty is a terminal with the spec at the other end.
type pty struct {
	person, program *os.File
	mu              sync.Mutex
	seen            strings.Builder
	read            sync.WaitGroup
}

func openPTY() *pty {
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)).To(Succeed())
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	Expect(err).NotTo(HaveOccurred())
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 120})).To(Succeed())
	p := &pty{person: person, program: program}
	p.read.Go(p.watch)
	return p
}

// watch ends when the program's end is closed.
func (p *pty) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := p.person.Read(buf)
		p.mu.Lock()
		p.seen.Write(buf[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pty) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

func (p *pty) settings() unix.Termios {
	t, err := unix.IoctlGetTermios(int(p.program.Fd()), unix.TCGETS)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return *t
}

func (p *pty) close() {
	p.program.Close()
	p.read.Wait()
	p.person.Close()
}

const (
	enterAltScreen = "\x1b[?1049h"
	leaveAltScreen = "\x1b[?1049l"
)

var _ = Describe("the live table on a real terminal", func() {
	var p *pty
	var before unix.Termios
	var pressed chan struct{}
	var live *terminal.Live
	noColour := ""

	JustBeforeEach(func() {
		GinkgoT().Setenv("TERM", "xterm-256color")
		GinkgoT().Setenv("NO_COLOR", noColour)
		p = openPTY()
		DeferCleanup(p.close)
		before = p.settings()
		pressed = make(chan struct{}, 8)
		live = terminal.StartLive(terminal.LiveConfig{Output: p.program, Input: p.program, Hint: "Ctrl-C cancels", Interrupt: func() { pressed <- struct{}{} }})
		DeferCleanup(func() { _ = live.Close() })
	})

	It("draws what the events say, on a screen of its own", func() {
		live.Event(at(0, started(0, "node-1.demo", "node-2.demo")))
		live.Event(at(1, phase("node-2.demo", message.NodePhase_KO, "disk is read-only")))
		Eventually(p.screen).Should(And(ContainSubstring(enterAltScreen), ContainSubstring("node-1.demo"), ContainSubstring("disk is read-only")))
		Expect(p.settings()).NotTo(Equal(before), "keys come one by one")
	})

	It("shows trouble in red", func() {
		live.Event(at(1, phase("node-2.demo", message.NodePhase_KO, "disk is read-only")))
		Eventually(p.screen).Should(MatchRegexp(`\x1b\[[0-9;]*31m`))
	})

	Context("with NO_COLOR", func() {
		BeforeEach(func() {
			noColour = "1"
			DeferCleanup(func() { noColour = "" })
		})

		It("has no colours", func() {
			live.Event(at(1, phase("node-2.demo", message.NodePhase_KO, "disk is read-only")))
			Eventually(p.screen).Should(ContainSubstring("disk is read-only"))
			Expect(p.screen()).NotTo(MatchRegexp(`\x1b\[[0-9;]*[349][0-7]m`))
		})
	})

	It("gives the terminal back when it is closed", func() {
		Eventually(p.screen).Should(ContainSubstring(enterAltScreen))
		Expect(live.Close()).To(Succeed())
		Expect(live.Close()).To(Succeed())
		Expect(p.settings()).To(Equal(before))
		Eventually(p.screen).Should(ContainSubstring(leaveAltScreen))
	})

	It("gives the terminal back when it is closed before it was ever drawn", func() {
		Expect(live.Close()).To(Succeed())
		Expect(p.settings()).To(Equal(before))
	})

	It("turns Ctrl-C into an interrupt and goes on", func() {
		Eventually(p.screen).Should(ContainSubstring(enterAltScreen))
		_, err := p.person.WriteString("\x03")
		Expect(err).NotTo(HaveOccurred())
		Eventually(pressed).Should(Receive())
		live.Notice("cancelling")
		Eventually(p.screen).Should(ContainSubstring("cancelling"))
	})
})
