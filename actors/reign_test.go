package actors

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// throne is a database that only says whose it is.
type throne struct {
	Store
	lost   atomic.Bool
	full   atomic.Bool
	writes atomic.Int32
}

func (t *throne) Write(context.Context, store.Batch) error {
	t.writes.Add(1)
	if t.lost.Load() {
		return fmt.Errorf("database x: %w", store.ErrFenced)
	}
	if t.full.Load() {
		return fmt.Errorf("database x: %w", store.ErrFull)
	}
	return nil
}

// inBubble runs body in fake time, with an actor system.
func inBubble(body func(*actor.ActorSystem)) {
	GinkgoHelper()
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		system, _ := supervisor.NewSystem(discard)
		body(system)
		time.Sleep(time.Minute) // the library sleeps over dead letters
		system.Shutdown()
	})
}

// startJournal starts a journal under a supervisor as the tree's.
func startJournal(system *actor.ActorSystem, m *Memory) *supervisor.Tree {
	GinkgoHelper()
	record := newRecord(m)
	tree, err := supervisor.StartTree(system, supervisor.Config{Name: rootName, Intensity: 5, Period: time.Minute, Log: discard, Children: []supervisor.Spec{
		{ID: "journal", Restart: supervisor.Permanent, New: func(int) actor.Actor { return newJournal(record, discard) }},
	}})
	Expect(err).NotTo(HaveOccurred())
	return tree
}

var _ = Describe("A server that has nothing to write", func() {
	It("ends within seconds when another one has taken its database over", func() {
		inBubble(func(system *actor.ActorSystem) {
			var t throne
			tree := startJournal(system, &Memory{store: &t})
			time.Sleep(time.Hour)
			Expect(tree.Failed()).NotTo(Receive())
			t.lost.Store(true)
			began := time.Now()
			Expect(<-tree.Failed()).To(MatchError(ContainSubstring("another server has taken the database over")))
			Expect(time.Since(began)).To(BeNumerically("<=", reignAgain))
		})
	})

	It("answers at once who asks whether it still reigns, and not when it does not", func() {
		inBubble(func(system *actor.ActorSystem) {
			var t throne
			tree := startJournal(system, &Memory{store: &t})
			j := &job{recorded: true}
			time.Sleep(gather)
			began := time.Now()
			Expect(j.confirmReign(context.Background(), system)).To(Succeed())
			Expect(time.Since(began)).To(BeZero())
			t.lost.Store(true)
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			Expect(j.confirmReign(ctx, system)).NotTo(Succeed())
			Expect(tree.Failed()).To(Receive())
		})
	})

	It("switches no power for who has waited for a turn until another one has taken its database over", func() {
		inBubble(func(system *actor.ActorSystem) {
			var t throne
			tree := startJournal(system, &Memory{store: &t})
			inForce := &snapshot{}
			inForce.Store(&config.Snapshot{Global: config.Global{RebootWindow: 1, RebootCommandTimeout: time.Minute}})
			p := &slowPower{}
			window := system.Root.Spawn(supervisor.Props(func() actor.Actor { return newReboot(inForce, map[string]power.Driver{"fake": p}, nil, discard) }))
			ctx, leave := context.WithCancel(context.Background())
			answers := make(chan powerResult, 2)
			for _, name := range []string{"node-1", "node-2"} {
				n := &config.Node{Name: name}
				n.Power = "fake"
				system.Root.Send(window, powerRequest{ctx: ctx, node: n, op: power.OpReboot, level: power.Hard, reply: answers, job: &job{recorded: true}})
			}
			time.Sleep(gather + time.Second/2)
			t.lost.Store(true)
			Expect((<-answers).level).To(Equal(power.Hard))
			Expect(<-tree.Failed()).To(HaveOccurred())
			time.Sleep(time.Minute)
			leave()
			Expect((<-answers).err).To(MatchError(context.Canceled))
			Expect(p.done).To(Equal([]string{"node-1 reboot hard"}))
			system.Root.Stop(window)
			synctest.Wait()
		})
	})

	It("writes nothing where it has no database, and nobody waits", func() {
		inBubble(func(system *actor.ActorSystem) {
			tree := startJournal(system, nil)
			Expect((&job{}).confirmReign(context.Background(), system)).To(Succeed())
			Expect((&job{recorded: true}).confirmReign(context.Background(), system)).To(Succeed())
			Expect(tree.Stop(context.Background())).To(Succeed())
		})
	})
})
