package actors

import (
	"context"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The journal of a thousand nodes", func() {
	It("writes at once what comes alone, and together what comes within moments", func() {
		inBubble(func(system *actor.ActorSystem) {
			var t throne
			tree := startJournal(system, &Memory{store: &t})
			time.Sleep(gather)
			before, began := t.writes.Load(), time.Now()
			written := make(chan time.Duration, 1000)
			say := func() {
				system.Root.Send(local(system, journalName), confirmReign{func() { written <- time.Since(began) }})
				synctest.Wait()
			}
			say()
			Expect(written).To(Receive(BeZero()))
			for range 999 {
				say()
			}
			Expect(written).NotTo(Receive())
			time.Sleep(gather)
			synctest.Wait()
			Expect(written).To(HaveLen(999))
			Expect(written).To(Receive(Equal(gather)))
			Expect(t.writes.Load()-before).To(BeEquivalentTo(2), "the first, and the others together")
			Expect(tree.Stop(context.Background())).To(Succeed())
		})
	})

	It("waits a second after a write that failed, and loses nothing", func() {
		inBubble(func(system *actor.ActorSystem) {
			var t throne
			t.full.Store(true)
			tree := startJournal(system, &Memory{store: &t})
			began := time.Now()
			written := make(chan time.Duration, 1)
			system.Root.Send(local(system, journalName), confirmReign{func() { written <- time.Since(began) }})
			time.Sleep(writeAgain / 2)
			Expect(t.writes.Load()).To(BeEquivalentTo(1))
			t.full.Store(false)
			Expect(<-written).To(Equal(writeAgain))
			Expect(tree.Stop(context.Background())).To(Succeed())
		})
	})
})
