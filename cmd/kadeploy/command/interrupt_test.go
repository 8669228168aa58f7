package command_test

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

const second = time.Second

func started(nodes ...string) *message.Event {
	s := &message.Started{}
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, &message.NodeInfo{Name: n})
	}
	return event(&message.Event{Seq: 1, Fact: &message.Event_Started{Started: s}})
}

func event(e *message.Event) *message.Event {
	e.Id, e.Time = "D-1", timestamppb.New(time.Unix(100, 0))
	return e
}

func description(dir string) string {
	path := filepath.Join(dir, "debian.env")
	ExpectWithOffset(1, os.WriteFile(path, []byte("name : debian\n"), 0o600)).To(Succeed())
	return path
}

var _ = Describe("an interrupt", func() {
	var server *fakeServer
	var u *use
	var env, ko string

	BeforeEach(func() {
		server = newFake()
		server.events = []*message.Event{started("node-1.demo", "node-2.demo")}
		u = newUse(server)
		dir := GinkgoT().TempDir()
		env, ko = description(dir), filepath.Join(dir, "ko")
	})

	deploy := func(more ...string) <-chan int {
		code := make(chan int, 1)
		go func() {
			code <- u.run(append([]string{"deploy", "-m", "node-[1-2].demo", "-a", env, "-n", ko}, more...)...)
		}()
		return code
	}
	running := func() {
		Eventually(u.err.String).Should(ContainSubstring("2 nodes node-[1-2].demo"))
	}

	It("cancels the deployment and reports its end", func() {
		code := deploy()
		running()
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.out.String()).To(ContainSubstring("deployment D-1: 0 of 2 nodes OK, cancelled"))
		Expect(u.err.String()).To(ContainSubstring("kadeploy: interrupted: D-1 has ended\n"))
		Expect(os.ReadFile(ko)).To(BeEquivalentTo("node-1.demo\nnode-2.demo\n"))
		Expect(server.closed).To(BeTrue())
	})

	It("waits no longer than the grace for a server that does not end it", func() {
		server.stubborn, u.grace = true, 50*time.Millisecond
		code := deploy()
		running()
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.out.String()).To(ContainSubstring("the end is not known"))
		Expect(u.err.String()).To(ContainSubstring("left before the server confirmed the end of D-1"))
	})

	It("leaves at once when it comes again", func() {
		server.deaf = true
		code := deploy()
		running()
		u.interrupts <- os.Interrupt
		Consistently(code, "50ms").ShouldNot(Receive())
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
	})

	It("says so when the server refuses to cancel", func() {
		u.grace = 50 * time.Millisecond
		code := deploy()
		running()
		server.refuse = &message.Refused{Code: message.Refusal_FORBIDDEN, Text: "not yours"}
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.err.String()).To(ContainSubstring("cannot cancel D-1: not yours"))
	})

	It("while the server has not answered yet, waits for the answer and cancels what was accepted", func() {
		server.hold = make(chan struct{})
		code := deploy("--no-wait", "-n", "")
		Eventually(server.requests).ShouldNot(BeEmpty())
		u.interrupts <- os.Interrupt
		Eventually(func() int { return len(u.interrupts) }).Should(BeZero())
		close(server.hold)
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.out.String()).To(ContainSubstring("cancelled"))
	})

	It("twice while the server has not answered, leaves and says that it may have accepted", func() {
		server.hold = make(chan struct{})
		code := deploy()
		Eventually(server.requests).ShouldNot(BeEmpty())
		u.interrupts <- os.Interrupt
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.err.String()).To(Equal("kadeploy: interrupted before the server answered\n  if it took the request, kadeploy status shows it\n"))
		Expect(ko).NotTo(BeAnExistingFile())
	})

	It("of a watch leaves the deployment alone", func() {
		code := make(chan int, 1)
		go func() { code <- u.run("watch", "D-1") }()
		running()
		u.interrupts <- os.Interrupt
		Eventually(code).Should(Receive(Equal(130)))
		Expect(u.err.String()).To(ContainSubstring("interrupted: D-1 goes on"))
		Expect(server.cancelled).To(BeEmpty())
	})

	It("pressed in the live table is the same", func() {
		table := &fakeDisplay{opened: make(chan func(), 1)}
		u.live = func(_ string, interrupt func()) command.Display {
			table.opened <- interrupt
			return table
		}
		code := deploy()
		var press func()
		Eventually(table.opened).Should(Receive(&press))
		press()
		Eventually(code).Should(Receive(Equal(130)))
		Expect(table.closed).To(BeTrue(), "the terminal is given back")
		Expect(u.out.String()).To(ContainSubstring("cancelled"))
	})

	It("is not taken for one when the script at the end fails", func() {
		server.events = append(server.events, event(&message.Event{Seq: 2, Fact: &message.Event_Ended{Ended: &message.Ended{Outcome: message.Outcome_PARTIAL}}}))
		Eventually(deploy("-s", "/bin/false")).Should(Receive(Equal(3)))
		Expect(u.err.String()).To(ContainSubstring("-s /bin/false: exit status 1"))
	})
})

// fakeDisplay is a live table that shows nothing.
type fakeDisplay struct {
	opened chan func()
	closed bool
}

func (*fakeDisplay) Event(*message.Event) {}
func (*fakeDisplay) Notice(string)        {}
func (d *fakeDisplay) Close() error {
	d.closed = true
	return errors.New("terminal: it had gone")
}
