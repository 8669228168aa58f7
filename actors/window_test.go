package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// slowPower is a driver whose commands take a second, or as long as their context for hung levels.
type slowPower struct {
	mu       sync.Mutex
	now, max int
	done     []string
	hung     map[power.Level]bool
}

func (p *slowPower) Do(ctx context.Context, t power.Target, op power.Op, level power.Level) (power.Status, error) {
	p.mu.Lock()
	p.now++
	p.max = max(p.max, p.now)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.now--
		p.done = append(p.done, fmt.Sprintf("%s %s %s", t.Name, op, level))
	}()
	if p.hung[level] {
		<-ctx.Done()
		return power.Unknown, ctx.Err()
	}
	select {
	case <-time.After(time.Second):
		return power.On, nil
	case <-ctx.Done():
		return power.Unknown, ctx.Err()
	}
}

// window is a reboot actor of its own, in fake time.
type window struct {
	system *actor.ActorSystem
	pid    *actor.PID
	power  *slowPower
	config *snapshot
}

func inWindow(size int, p *slowPower, body func(*window)) {
	GinkgoHelper()
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		log := slog.New(slog.DiscardHandler)
		w := &window{power: p, config: &snapshot{}}
		w.limits(size, 10*time.Second)
		w.system, _ = supervisor.NewSystem(log)
		r := newReboot(w.config, map[string]power.Driver{"fake": p}, nil, log)
		w.pid = w.system.Root.Spawn(supervisor.Props(func() actor.Actor { return r }))
		body(w)
		w.system.Root.Stop(w.pid)
		synctest.Wait()
		w.system.Shutdown()
	})
}

func (w *window) limits(size int, limit time.Duration) {
	w.config.Store(&config.Snapshot{Global: config.Global{RebootWindow: size, RebootCommandTimeout: limit}})
}

// ask requests a reboot of node n and returns where its answer comes.
func (w *window) ask(ctx context.Context, n int, level power.Level) <-chan powerResult {
	reply := make(chan powerResult, 1)
	node := &config.Node{Name: fmt.Sprint("node-", n)}
	node.Power = "fake"
	w.system.Root.Send(w.pid, powerRequest{ctx: ctx, node: node, op: power.OpReboot, level: level, reply: reply})
	return reply
}

var _ = Describe("The reboot window", func() {
	ctx := context.Background()

	It("never has more commands under way than its size, and fills a free place at once", func() {
		inWindow(3, &slowPower{}, func(w *window) {
			start := time.Now()
			var replies []<-chan powerResult
			for n := range 9 {
				replies = append(replies, w.ask(ctx, n, power.Hard))
			}
			for i, r := range replies {
				Expect((<-r).err).NotTo(HaveOccurred())
				Expect(time.Since(start)).To(Equal(time.Duration(1+i/3) * time.Second))
			}
			Expect(w.power.max).To(Equal(3))
		})
	})

	It("never runs a command whose asker has gone", func() {
		inWindow(1, &slowPower{}, func(w *window) {
			first := w.ask(ctx, 1, power.Hard)
			synctest.Wait()
			gone, cancel := context.WithCancel(ctx)
			w.ask(gone, 2, power.Hard)
			last := w.ask(ctx, 3, power.Hard)
			cancel()
			<-first
			<-last
			Expect(w.power.done).To(Equal([]string{"node-1 reboot hard", "node-3 reboot hard"}))
		})
	})

	It("ends a command under way with its asker, without trying harder", func() {
		inWindow(1, &slowPower{hung: map[power.Level]bool{power.Soft: true}}, func(w *window) {
			gone, cancel := context.WithCancelCause(ctx)
			answer := w.ask(gone, 1, power.Soft)
			synctest.Wait()
			cancel(errors.New("cancelled"))
			Expect((<-answer).err).To(MatchError("cancelled"))
			Expect(w.power.done).To(Equal([]string{"node-1 reboot soft"}))
		})
	})

	It("tries the next level when a command does not end in its time", func() {
		inWindow(1, &slowPower{hung: map[power.Level]bool{power.Soft: true, power.Hard: true}}, func(w *window) {
			start := time.Now()
			result := <-w.ask(ctx, 1, power.Soft)
			Expect(result.err).NotTo(HaveOccurred())
			Expect(result.level).To(Equal(power.VeryHard))
			Expect(result.notes).To(HaveLen(2))
			Expect(time.Since(start)).To(Equal(21 * time.Second))
		})
	})

	It("says what the last level said when all failed", func() {
		inWindow(1, &slowPower{hung: map[power.Level]bool{power.VeryHard: true}}, func(w *window) {
			Expect((<-w.ask(ctx, 1, power.VeryHard)).err).To(MatchError(ContainSubstring("reboot very_hard: ")))
		})
	})

	It("takes a new size and a new limit from the next command on", func() {
		inWindow(1, &slowPower{}, func(w *window) {
			first := w.ask(ctx, 1, power.Hard)
			synctest.Wait()
			w.limits(2, time.Millisecond)
			second, third := w.ask(ctx, 2, power.Hard), w.ask(ctx, 3, power.VeryHard)
			Expect((<-second).err).To(HaveOccurred())
			Expect((<-third).err).To(HaveOccurred())
			Expect((<-first).err).NotTo(HaveOccurred())
			Expect(w.power.max).To(Equal(2))
		})
	})

	It("knows no driver but those it was given", func() {
		inWindow(1, &slowPower{}, func(w *window) {
			reply := make(chan powerResult, 1)
			w.system.Root.Send(w.pid, powerRequest{ctx: ctx, node: &config.Node{Name: "n"}, op: power.OpReboot, level: power.Hard, reply: reply})
			Expect((<-reply).err).To(MatchError(ContainSubstring("no power driver")))
		})
	})
})
