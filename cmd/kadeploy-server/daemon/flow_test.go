package daemon_test

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// some is what a client may cost the daemon in memory, whatever it does.
const some = 16 << 20

// numbers are the events that a client has told.
func (u *user) numbers() []int {
	var all []int
	for line := range strings.Lines(string(u.session.Out.Contents())) {
		var n int
		if _, err := fmt.Sscanf(line, "event %d", &n); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// complete expects the numbers from 1 on, each once.
func complete(all []int) {
	GinkgoHelper()
	for i, n := range all {
		Expect(n).To(Equal(i+1), "numbers have a gap")
	}
}

var _ = Describe("A client that watches a busy deployment", func() {
	It("and is frozen is let go within 15 seconds, costs nothing, and goes on where it was", func() {
		d := openDoor(200, time.Minute)
		root := d.root()
		id := root.deploys(d, 200)
		frozen := comes(d.server, d.socket())
		frozen.say("watch %s 0s", id)
		next(frozen.session, `event 9\n`)
		before := d.facts()
		Expect(before.sessions).To(Equal(1))

		Expect(syscall.Kill(frozen.session.Command.Process.Pid, syscall.SIGSTOP)).To(Succeed())
		Eventually(d.sessions, 40*time.Second).Should(BeZero()) // 13 s where nobody else computes
		Expect(root.ask(`running .*`, "running")).To(ContainSubstring(id), "the deployment ended before: the spec says nothing")
		Expect(d.facts().heap).To(BeNumerically("<", before.heap+some))
		root.say("now")
		root.answered()

		Expect(syscall.Kill(frozen.session.Command.Process.Pid, syscall.SIGCONT)).To(Succeed())
		Eventually(d.sessions).Should(Equal(1))
		root.ask("cancelled", "cancel %s", id)
		Expect(next(frozen.session, `ended \w+\n`)).To(Equal("ended ABORTED"))
		complete(frozen.numbers())
		Eventually(d.sessions).Should(BeZero())
	})

	It("one event a second costs no more than who reads them all, and delays nobody", func() {
		d := openDoor(100, 2*time.Second)
		root := d.root()
		id := root.deploys(d, 100)
		slow := comes(d.server, d.socket())
		slow.say("watch %s 1s", id)
		next(slow.session, `event 2\n`)
		before := d.facts()
		quick := comes(d.server, d.socket())
		quick.say("watch %s 0s", id)
		next(quick.session, `ended \w+\n`)
		complete(quick.numbers())
		Expect(len(quick.numbers())).To(BeNumerically(">", 600), "less than the credit of a client: the spec says nothing")
		Expect(len(slow.numbers())).To(BeNumerically("<", 60))
		complete(slow.numbers())
		Expect(d.facts().heap).To(BeNumerically("<", before.heap+some+1<<10*len(quick.numbers())), "of which the journal keeps some hundred bytes an event")
		root.say("now")
		root.answered()
		slow.killed()
		Eventually(d.sessions).Should(BeZero())
	})
})
