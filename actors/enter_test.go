package actors

import (
	"context"
	"errors"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// scribe is who is told of steps, in the place of a deployment and its journal; it answers when it is let.
type scribe struct {
	system  *actor.ActorSystem
	journal *actor.PID
	deploy  *actor.PID
	told    chan nodeEntered
}

func newScribe(system *actor.ActorSystem) *scribe {
	GinkgoHelper()
	s := &scribe{system: system, told: make(chan nodeEntered, 10)}
	s.deploy = system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(nodeEntered); ok {
			s.told <- m
		}
	}))
	s.startJournal()
	return s
}

func (s *scribe) startJournal() {
	GinkgoHelper()
	var err error
	s.journal, err = s.system.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), journalName)
	Expect(err).NotTo(HaveOccurred())
}

func (s *scribe) stop() {
	s.system.Root.Stop(s.journal)
	s.system.Root.Stop(s.deploy)
}

// walker is one of a node whose events are recorded.
func (s *scribe) walker() *walker {
	return &walker{job: &job{recorded: true}, system: s.system, deploy: s.deploy, incarnation: incarnation{"node-1", 1}}
}

// enters has a walker enter a step, under a clock of two seconds, and returns where it says how that went.
func enters(w *walker, micro workflow.Micro) <-chan error {
	done := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	clock := newClock(2*time.Second, func() { cancel(errTimeout) })
	go func() {
		defer clock.stop()
		done <- w.enter(ctx, workflow.Step{Micro: micro}, clock)
	}()
	synctest.Wait()
	return done
}

var _ = Describe("A node that enters a step", func() {
	It("that acts waits until that is written, which costs its try no time", func() {
		inBubble(func(system *actor.ActorSystem) {
			s := newScribe(system)
			done := enters(s.walker(), workflow.CreatePartitionTable)
			time.Sleep(time.Hour)
			synctest.Wait()
			Expect(done).NotTo(Receive())
			(<-s.told).written()
			Expect(<-done).To(Succeed())
			Expect(s.told).To(BeEmpty(), "it was told once")
			s.stop()
		})
	})

	It("that only waits does not wait for that, nor does one whose events nobody keeps", func() {
		inBubble(func(system *actor.ActorSystem) {
			s := newScribe(system)
			Expect(<-enters(s.walker(), workflow.WaitReboot)).To(Succeed())
			forgetful := s.walker()
			forgetful.job = &job{}
			Expect(<-enters(forgetful, workflow.CreatePartitionTable)).To(Succeed())
			s.stop()
		})
	})

	It("says so again to the next journal when one was lost with it", func() {
		inBubble(func(system *actor.ActorSystem) {
			s := newScribe(system)
			done := enters(s.walker(), workflow.CreatePartitionTable)
			Expect((<-s.told).again).To(BeFalse())
			Expect(system.Root.StopFuture(s.journal).Wait()).To(Succeed())
			s.startJournal()
			m := <-s.told
			Expect(m.again).To(BeTrue(), "the core is not told twice")
			m.written()
			Expect(<-done).To(Succeed())
			s.stop()
		})
	})

	It("and is cancelled meanwhile does not begin it", func() {
		inBubble(func(system *actor.ActorSystem) {
			s := newScribe(system)
			ctx, cancel := context.WithCancelCause(context.Background())
			why := errors.New("cancelled")
			time.AfterFunc(time.Minute, func() { cancel(why) })
			clock := newClock(2*time.Second, func() { cancel(errTimeout) })
			Expect(s.walker().enter(ctx, workflow.Step{Micro: workflow.RebootNode}, clock)).To(MatchError(why))
			clock.stop()
			s.stop()
		})
	})

	It("to boot, after it has waited, has the token of that boot good for as long as if it had not", func() {
		inBubble(func(system *actor.ActorSystem) {
			var calls []expectAgent
			agents, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
				if m, ok := ctx.Message().(expectAgent); ok {
					calls = append(calls, m)
					m.reply <- expected{}
				}
			}), agentsName)
			Expect(err).NotTo(HaveOccurred())
			s := newScribe(system)
			w := s.walker()
			w.target, w.attempt.Timeout, w.token = &hostJob{}, time.Minute, "s3cret"
			w.boot = &agentlink.Expected{Token: agentlink.TokenDigest("s3cret"), Until: time.Now().Add(time.Minute)}
			Expect(w.renew(context.Background())).To(Succeed())
			Expect(calls).To(BeEmpty(), "it did not wait")
			time.Sleep(time.Hour)
			Expect(w.renew(context.Background())).To(Succeed())
			Expect(calls).To(HaveLen(1))
			Expect(calls[0].token).To(Equal("s3cret"))
			Expect(calls[0].until).To(Equal(time.Now().Add(time.Minute)))
			Expect(*w.boot).To(Equal(agentlink.Expected{Token: agentlink.TokenDigest("s3cret"), Until: calls[0].until}), "as it is written down")
			system.Root.Stop(agents)
			s.stop()
		})
	})
})
