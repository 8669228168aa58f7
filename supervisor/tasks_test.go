package supervisor_test

import (
	"context"
	"runtime"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

// worker runs tasks and timers; a function sent to it runs on its goroutine.
type worker struct {
	w     *world
	name  string
	tasks *supervisor.Tasks
	times supervisor.Timers
}

func (a *worker) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
	case func(actor.Context, *worker):
		msg(ctx, a)
	case crash:
		panic(msg.why)
	case supervisor.TaskDone:
		switch {
		case !a.tasks.Accept(msg):
			a.w.note("%s drops %s", a.name, msg.Name)
		case msg.Panic != nil:
			a.w.note("%s: %s: %v", a.name, msg.Name, msg.Panic)
		default:
			a.w.note("%s: %s %d = %v", a.name, msg.Name, msg.Op, msg.Value)
		}
	case supervisor.Elapsed:
		if what, ok := a.times.Accept(msg); ok {
			a.w.note("%s: %v", a.name, what)
		} else {
			a.w.note("%s drops a timer", a.name)
		}
	case *actor.Stopping:
		a.tasks.CancelAll()
		a.times.StopAll()
	}
}

func newWorker(w *world, name string) *worker {
	return &worker{w: w, name: name, tasks: &supervisor.Tasks{}}
}

// sleep is a task that returns v after d.
func sleep(d time.Duration, v any) func(context.Context) any {
	return func(ctx context.Context) any {
		select {
		case <-time.After(d):
			return v
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var _ = Describe("A task", func() {
	work := func(body func(w *world, a *worker, do func(func(actor.Context, *worker)))) {
		bubble(func(w *world) {
			a := newWorker(w, "a")
			pid := w.spawn("a", a)
			body(w, a, func(f func(actor.Context, *worker)) { w.system.Root.Send(pid, f); w.pass(0) })
			w.system.Root.Stop(pid)
		})
	}
	It("runs beside its actor and sends it the result", func() {
		work(func(w *world, _ *worker, do func(func(actor.Context, *worker))) {
			do(func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "slow", sleep(2*time.Second, 42))
				a.tasks.Start(ctx, "fast", sleep(time.Second, 41))
			})
			do(func(actor.Context, *worker) { w.note("not blocked") })
			w.pass(2 * time.Second)
			Expect(w.journal()).To(Equal([]string{"not blocked", "a: fast 2 = 41", "a: slow 1 = 42"}))
		})
	})

	It("that panics is a result with a stack, not the end of the process (S8)", func() {
		work(func(w *world, _ *worker, do func(func(actor.Context, *worker))) {
			var done supervisor.TaskDone
			do(func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "bug", func(context.Context) any { panic("oops") })
			})
			Expect(w.journal()).To(Equal([]string{"a: bug: panic: oops"}))
			do(func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "planned", func(context.Context) any { panic(planned("no disk")) })
			})
			Expect(w.journal()).To(Equal([]string{"a: planned: panic: no disk"}))
			do(func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "exit", func(context.Context) any { runtime.Goexit(); return nil })
			})
			Expect(w.journal()).To(Equal([]string{"a: exit: panic: runtime.Goexit was called"}))
			Expect(done.LogValue().String()).To(Equal("task  0"))
			done.IgnoreDeadLetterLogging()
		})
	})

	It("can be cancelled: its result still comes", func() {
		work(func(w *world, _ *worker, do func(func(actor.Context, *worker))) {
			do(func(ctx actor.Context, a *worker) {
				op := a.tasks.Start(ctx, "long", sleep(time.Hour, nil))
				a.tasks.Cancel(op)
				a.tasks.Cancel(99)
			})
			Expect(w.journal()).To(Equal([]string{"a: long 1 = context canceled"}))
		})
	})

	It("is not accepted once all were cancelled, nor twice, nor from another owner", func() {
		work(func(w *world, a *worker, do func(func(actor.Context, *worker))) {
			do(func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "long", sleep(time.Hour, nil))
				a.tasks.CancelAll()
			})
			Expect(w.journal()).To(Equal([]string{"a drops long"}))
			Expect(a.tasks.Accept(supervisor.TaskDone{Op: 1})).To(BeFalse())
		})
	})

	It("of one incarnation is not accepted by the next, which has its address (S7)", func() {
		bubble(func(w *world) {
			gate := make(chan struct{})
			t := w.tree(supervisor.Config{Intensity: 9, Children: []supervisor.Spec{{ID: "a", New: func(inc int) actor.Actor {
				return newWorker(w, []string{"", "first", "second"}[inc])
			}}}})
			w.tell("top/a", func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "deaf", func(context.Context) any { <-gate; return nil })
				a.times.After(ctx, time.Second, "late")
			})
			w.pass(0)
			w.tell("top/a", crash{"oops"})
			w.pass(0)
			w.tell("top/a", func(ctx actor.Context, a *worker) {
				a.tasks.Start(ctx, "own", sleep(time.Minute, "mine")) // it has the number of the other
			})
			w.pass(time.Second)
			close(gate)
			w.pass(time.Minute)
			Expect(w.journal()).To(Equal([]string{"second drops deaf", "second: own 1 = mine"}))
			w.stop(t)
		})
	})

})

var _ = Describe("A timer", func() {
	It("sends its message once, when its time is over (S13)", func() {
		bubble(func(w *world) {
			pid := w.spawn("a", newWorker(w, "a"))
			w.tell("a", func(ctx actor.Context, a *worker) {
				a.times.After(ctx, 2*time.Second, "two")
				a.times.After(ctx, time.Second, "one")
			})
			w.pass(time.Hour)
			Expect(w.journal()).To(Equal([]string{"a: one", "a: two"}))
			w.system.Root.Stop(pid)
		})
	})

	It("is its owner's alone", func() {
		bubble(func(w *world) {
			var mine, others supervisor.Timers
			pid := w.spawn("a", actor.ReceiveFunc(func(ctx actor.Context) {
				switch msg := ctx.Message().(type) {
				case *actor.Started:
					mine.After(ctx, time.Second, "mine")
					others.After(ctx, time.Hour, "another's, of the same number")
				case supervisor.Elapsed:
					_, other := others.Accept(msg)
					what, own := mine.Accept(msg)
					w.note("%v %v %v", what, own, other)
				case *actor.Stopping:
					others.StopAll()
				}
			}))
			w.pass(time.Minute)
			Expect(w.journal()).To(Equal([]string{"mine true false"}))
			w.system.Root.Stop(pid)
		})
	})

	It("is forgotten when it is stopped, even if its message is already under way", func() {
		bubble(func(w *world) {
			pid := w.spawn("a", newWorker(w, "a"))
			w.tell("a", func(ctx actor.Context, a *worker) {
				a.times.Stop(a.times.After(ctx, time.Second, "never"))
				late := a.times.After(ctx, time.Second, "late")
				<-time.After(2 * time.Second) // its message is in the mailbox now
				a.times.Stop(late)
				a.times.Stop(late)
			})
			w.pass(time.Hour)
			Expect(w.journal()).To(Equal([]string{"a drops a timer"}))
			w.system.Root.Stop(pid)
			supervisor.Elapsed{}.IgnoreDeadLetterLogging()
		})
	})
})
