package terminal_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
)

var _ = Describe("a board", func() {
	var b terminal.Board
	apply := func(seconds float64, fact any) bool {
		return b.Apply(at(seconds, fact), zero.Add(time.Duration(seconds*float64(time.Second))))
	}

	BeforeEach(func() {
		b = terminal.Board{}
		apply(0, started(1, "node-1", "node-2"))
	})

	It("knows the operation once it has started", func() {
		Expect(b.ID).To(Equal("D-7"))
		Expect(b.Environment).To(Equal("debian:12"))
		Expect(b.MinNodes).To(Equal(1))
		Expect(b.Rows()).To(HaveLen(2))
		Expect(b.Count(message.NodePhase_WAITING)).To(Equal(2))
	})

	It("counts every node in one phase", func() {
		apply(1, running("node-1", "SetDeploymentEnv", "reboot", 1))
		apply(2, phase("node-2", message.NodePhase_KO, "no answer"))
		apply(3, phase("node-1", message.NodePhase_OK, ""))
		Expect(b.Count(message.NodePhase_WAITING)).To(BeZero())
		Expect(b.Count(message.NodePhase_RUNNING)).To(BeZero())
		Expect(b.Count(message.NodePhase_KO)).To(Equal(1))
		Expect(b.Count(message.NodePhase_OK)).To(Equal(1))
	})

	It("tells a change from progress", func() {
		Expect(apply(1, received("node-1", 0))).To(BeTrue())
		Expect(apply(2, received("node-1", 500))).To(BeFalse())
		Expect(apply(3, running("node-1", "BroadcastEnv", "sync", 1))).To(BeTrue())
		row, _ := b.Row("node-1")
		Expect(row.Since).To(BeTemporally("==", zero.Add(3*time.Second)))
	})

	It("sums the broadcast over all nodes, and does not unlearn what was received", func() {
		_, ok := b.Broadcast()
		Expect(ok).To(BeFalse())
		apply(1, received("node-1", 500))
		part, _ := b.Broadcast()
		Expect(part).To(Equal(0.25))
		apply(2, phase("node-1", message.NodePhase_RETRYING, "sync failed"))
		part, _ = b.Broadcast()
		Expect(part).To(Equal(0.25))
	})

	It("takes a node that goes on after the broadcast for one that has it all", func() {
		apply(1, received("node-1", 500))
		apply(2, running("node-1", "BroadcastEnv", "sync", 1))
		part, _ := b.Broadcast()
		Expect(part).To(Equal(0.5))
	})

	It("leaves nodes that were given up out of the broadcast", func() {
		apply(1, received("node-1", 500))
		apply(1, received("node-2", 900))
		apply(2, phase("node-2", message.NodePhase_KO, "disk is full"))
		part, _ := b.Broadcast()
		Expect(part).To(Equal(0.5))
		apply(2, phase("node-1", message.NodePhase_KO, "disk is full"))
		_, ok := b.Broadcast()
		Expect(ok).To(BeFalse())
	})

	It("begins the broadcast of a node anew when it is tried again", func() {
		apply(1, received("node-1", 500))
		again := received("node-1", 0)
		again.Try = 2
		apply(2, again)
		_, ok := b.Broadcast()
		Expect(ok).To(BeFalse())
	})

	It("never shows more than the whole", func() {
		apply(1, received("node-1", 1<<40))
		part, _ := b.Broadcast()
		Expect(part).To(Equal(1.0))
	})

	It("measures time on the server's clock, however wrong ours is", func() {
		b = terminal.Board{}
		ours := zero.Add(-time.Hour)
		b.Apply(at(0, started(0, "node-1")), ours)
		Expect(b.Elapsed(ours.Add(5 * time.Second))).To(Equal(5 * time.Second))
		Expect(b.Elapsed(ours.Add(-time.Minute))).To(BeZero())
	})

	It("takes a node that was not announced", func() {
		apply(1, phase("late", message.NodePhase_KO, ""))
		Expect(b.Rows()).To(HaveLen(3))
	})

	It("survives a phase it does not know", func() {
		apply(1, phase("node-1", message.NodePhase(99), ""))
		apply(2, phase("node-1", message.NodePhase(-1), ""))
		apply(3, phase("node-1", message.NodePhase_OK, ""))
		Expect(b.Count(message.NodePhase_OK)).To(Equal(1))
	})

	It("lets no escape sequence through", func() {
		apply(1, phase("node-1\x1b[2J", message.NodePhase_KO, "\x1b]0;owned\x07\u202egnp\u009b31m"))
		row := b.Rows()[2]
		Expect(row.Name).To(Equal("node-1 [2J"))
		Expect(row.Cause).To(Equal("]0;owned  gnp 31m"))
	})
})
