package supervisor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// herd counts what its 2,000 animals do; the animals run on goroutines of their own.
type herd struct {
	mu     sync.Mutex
	cut    time.Time // when the cut-off was decided; who was spawned in that instant may still start in it
	late   int       // starts after that
	living map[string]int
	most   int // processes of one animal at the same time
}

func (h *herd) born(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.living[id]++
	h.most = max(h.most, h.living[id])
	if !h.cut.IsZero() && time.Now().After(h.cut) {
		h.late++
	}
}

func (h *herd) died(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.living[id]--; h.living[id] == 0 {
		delete(h.living, id)
	}
}

// animal works in tasks and timers until it is done; it may fail in every way there is.
type animal struct {
	herd  *herd
	id    string
	rnd   *rand.Rand
	steps int
	tasks supervisor.Tasks
	times supervisor.Timers
}

func (a *animal) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		a.herd.born(a.id)
		a.step(ctx)
	case supervisor.Elapsed:
		if _, ok := a.times.Accept(msg); ok {
			a.tasks.Start(ctx, "step", func(context.Context) any { return nil })
		}
	case supervisor.TaskDone:
		if a.tasks.Accept(msg) {
			a.step(ctx)
		}
	case *actor.Stopping:
		a.tasks.CancelAll()
		a.times.StopAll()
		if a.rnd.IntN(10) == 0 {
			panic("in Stopping")
		}
	case *actor.Stopped:
		a.herd.died(a.id)
		if a.rnd.IntN(10) == 0 {
			panic("in Stopped")
		}
	}
}

func (a *animal) step(ctx actor.Context) {
	a.steps++
	switch n := a.rnd.IntN(100); {
	case a.steps > 5:
		supervisor.Done(ctx)
	case n < 8:
		panic(planned("fell"))
	case n < 10:
		panic("bug")
	case n < 12:
		ctx.Stop(ctx.Self())
	default:
		a.times.After(ctx, time.Duration(a.rnd.IntN(1000))*time.Millisecond, "go on")
	}
}

var _ = Describe("A stampede of 2,000 members that fail at random", func() {
	DescribeTable("ends with nobody alive and no start after the cut-off", func(seed uint64) {
		bubble(func(w *world) {
			const total = 2000
			h := &herd{living: make(map[string]int)}
			rnd := rand.New(rand.NewPCG(seed, 1))
			ends, ok := map[string]supervisor.How{}, 0
			empty := false
			policy := &rules{
				failed: func(f supervisor.Failure) supervisor.Verdict {
					return supervisor.Verdict{Again: f.Incarnation < 4, Delay: time.Duration(rnd.IntN(3000)) * time.Millisecond}
				},
				standing: enough(&ok, total/2),
			}
			crew := supervisor.NewCrew(supervisor.CrewConfig{Name: "herd", Policy: policy, Log: w.log,
				OnEnded: func(_ actor.Context, e supervisor.End) {
					if _, twice := ends[e.ID]; twice {
						w.note("%s ended twice", e.ID)
					}
					ends[e.ID] = e.How
					if e.How == supervisor.Finished {
						if ok++; ok == total/2 {
							h.mu.Lock()
							h.cut = time.Now()
							h.mu.Unlock()
						}
					}
				},
				OnEmpty: func(actor.Context) { empty = true },
			})
			pid := w.spawn("boss", &boss{crew, w})
			w.tell("boss", func(ctx actor.Context, c *supervisor.Crew) {
				for i := range total {
					id := fmt.Sprintf("n%d", i)
					if _, err := c.Start(ctx, id, func(inc int) actor.Actor {
						return &animal{herd: h, id: id, rnd: rand.New(rand.NewPCG(seed, uint64(i*10+inc)))}
					}); err != nil {
						w.note("%v", err)
					}
				}
			})
			w.pass(time.Minute)

			Expect(empty).To(BeTrue())
			Expect(ends).To(HaveLen(total))
			Expect(ok).To(BeNumerically(">=", total/2))
			Expect(h.living).To(BeEmpty(), "processes alive after the cut-off")
			Expect(h.late).To(BeZero(), "starts after the cut-off")
			Expect(h.most).To(Equal(1), "processes of one member at the same time")
			Expect(supervisortest.Live(w.system)).To(Equal([]string{"boss"}))
			Expect(w.journal()).To(BeEmpty())
			Expect(w.counters.Of(supervisor.ChildFailed)).To(BeNumerically(">", 100))
			w.system.Root.Stop(pid)
		})
	}, Entry("seed 1", uint64(1)), Entry("seed 2", uint64(2)), Entry("seed 3", uint64(3)))
})
