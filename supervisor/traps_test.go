package supervisor_test

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// Each trap of the library is shown twice: with the library alone, where it snaps, and with this package, where it does
// not. Should a newer library change the first half, the second may become simpler.

// parent spawns one child and stops it on demand. plain parents have the library's supervision, others ours.
func (w *world) parent(plain bool, child func() actor.Actor) *actor.PID {
	props := func(f func() actor.Actor) *actor.Props {
		if plain {
			return actor.PropsFromProducer(f)
		}
		return supervisor.Props(f)
	}
	var kid *actor.PID
	return w.system.Root.Spawn(props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch msg := ctx.Message().(type) {
			case *actor.Started:
				kid, _ = ctx.SpawnNamed(props(child), "kid")
			case *actor.Terminated:
				w.note("kid terminated")
			case *actor.Stopped:
				w.note("parent stopped")
			case string:
				if msg == "stop the kid" {
					ctx.Stop(kid)
				} else {
					ctx.Send(kid, msg)
				}
			}
		})
	}))
}

// panicky notes its life and panics when it receives a message of type T.
func panicky[T any](w *world) func() actor.Actor {
	return func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				w.note("kid started")
			}
			if _, ok := ctx.Message().(T); ok {
				panic("oops")
			}
		})
	}
}

var _ = Describe("A panic while stopping (S1, S2)", func() {
	It("brings an actor of the library back to life when it is in Stopping", func() {
		synctestOnly(func(w *world) {
			pid := w.parent(true, panicky[*actor.Stopping](w))
			w.journal()
			w.system.Root.Send(pid, "stop the kid")
			Expect(w.journal()).To(ContainElement("kid started"))
		})
	})

	It("leaves a parent of the library waiting for ever when it is in Stopped", func() {
		synctestOnly(func(w *world) {
			pid := w.parent(true, panicky[*actor.Stopped](w))
			w.journal()
			w.system.Root.Stop(pid)
			w.pass(time.Hour)
			Expect(w.journal()).NotTo(ContainElement("parent stopped"))
		})
	})

	DescribeTable("is reported and ignored here", func(kid func(w *world) func() actor.Actor) {
		bubble(func(w *world) {
			pid := w.parent(false, kid(w))
			w.journal()
			w.system.Root.Send(pid, "stop the kid")
			Expect(w.journal()).To(Equal([]string{"kid terminated"}))
			Expect(w.counters.Of(supervisor.PanicIgnored)).To(BeEquivalentTo(1))
			w.system.Root.Stop(pid)
			Expect(w.journal()).To(Equal([]string{"parent stopped"}))
		})
	},
		Entry("in Stopping", panicky[*actor.Stopping]),
		Entry("in Stopped", panicky[*actor.Stopped]),
	)

	It("is ignored too when it comes with the end of a last child", func() {
		bubble(func(w *world) {
			pid := w.spawn("p", actor.ReceiveFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *actor.Started:
					ctx.Spawn(supervisor.Props(panicky[int](w)))
				case *actor.Terminated:
					panic("in Terminated")
				}
			}))
			w.pass(0)
			w.system.Root.Stop(pid) // bubble sees to it that it ends
		})
	})
})

var _ = Describe("A child that fails while its parent is stopping (S3, S5)", func() {
	// The kid waits for a child of its own to stop when it fails.
	failLate := func(props func(func() actor.Actor) *actor.Props) func() actor.Actor {
		slow := props(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*actor.Stopping); ok {
					<-time.After(time.Second)
				}
			})
		})
		return func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *actor.Started:
					ctx.Spawn(slow)
				case string:
					panic("oops")
				}
			})
		}
	}
	plain := func(f func() actor.Actor) *actor.Props { return actor.PropsFromProducer(f) }
	ours := func(f func() actor.Actor) *actor.Props { return supervisor.Props(f) }
	stopAndFail := func(w *world, pid *actor.PID) []string {
		w.pass(0)
		w.system.Root.Stop(pid)
		w.pass(time.Millisecond)
		w.tell(pid.Id+"/kid", "fail")
		w.pass(time.Hour)
		return w.journal()
	}

	It("leaves a parent of the library waiting for ever", func() {
		synctestOnly(func(w *world) {
			Expect(stopAndFail(w, w.parent(true, failLate(plain)))).NotTo(ContainElement("parent stopped"))
		})
	})

	It("ends with it here, although it has children of its own", func() {
		bubble(func(w *world) {
			Expect(stopAndFail(w, w.parent(false, failLate(ours)))).To(Equal([]string{"kid terminated", "parent stopped"}))
		})
	})

	DescribeTable("ends with it here, although it was busy", func(spawn func(w *world) *actor.PID, kid string) {
		bubble(func(w *world) {
			pid := spawn(w)
			w.pass(0)
			w.tell(kid, command(func(actor.Context) { <-time.After(time.Second); panic("oops") }))
			w.pass(0)
			w.system.Root.Stop(pid)
			w.pass(time.Hour)
			Expect(supervisortest.Live(w.system)).To(BeEmpty())
			Expect(w.journal()).NotTo(ContainElement("kid2 starts"))
		})
	},
		Entry("a supervisor", func(w *world) *actor.PID {
			return w.spawn("p", supervisor.New(supervisor.Config{Log: w.log, Intensity: 9, Children: []supervisor.Spec{w.spec("kid")}}))
		}, "p/kid"),
		Entry("an actor that supervises nobody", func(w *world) *actor.PID {
			return w.spawn("p", actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*actor.Started); ok {
					_, _ = ctx.SpawnNamed(supervisor.Props(func() actor.Actor { return w.spec("kid").New(1) }), "kid")
				}
			}))
		}, "p/kid"),
	)
})

var _ = Describe("A stopped actor (S4)", func() {
	It("of the library starts again when a restart was queued behind its stop", func() {
		synctestOnly(func(w *world) {
			pid := w.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return panicky[int](w)() }))
			w.journal()
			process, _ := w.system.ProcessRegistry.Get(pid)
			w.system.Root.Send(pid, "hold") // nothing is processed before both are queued: the goroutine starts later
			process.SendSystemMessage(pid, &actor.Stop{})
			process.SendSystemMessage(pid, &actor.Restart{})
			Expect(w.journal()).To(Equal([]string{"kid started"}))
		})
	})

	It("here is never sent a restart: a supervisor told to stop a child that fails only stops it", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{{ID: "pool", New: func(int) actor.Actor {
				return &pool{supervisor.New(supervisor.Config{Name: "pool", Log: w.log, Intensity: 99})}
			}}}})
			w.tell("top/pool", func(ctx actor.Context, p *pool) { _, _ = p.StartChild(ctx, w.spec("kid")) })
			w.pass(0)
			w.tell("top/pool/kid", command(func(actor.Context) { <-time.After(time.Second); panic("oops") }))
			w.pass(0)
			w.tell("top/pool", func(ctx actor.Context, p *pool) { p.StopChild(ctx, "kid") })
			w.pass(time.Minute)
			Expect(w.journal()).To(Equal([]string{"kid1 starts", "kid1 stopped"}))
			w.stop(t)
		})
	})
})

var _ = Describe("An actor lost to runtime.Goexit (S12)", func() {
	It("is abandoned: it can neither be stopped nor restarted", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a"), w.spec("b")}})
			w.tell("top/b", command(func(actor.Context) { runtime.Goexit() }))
			w.pass(0)
			w.stop(t)
			Expect(supervisortest.Live(w.system)).To(Equal([]string{"top/b"}))
			w.system.ProcessRegistry.Remove(w.system.NewLocalPID("top/b"))
		})
	})
})

var _ = Describe("A top actor whose strategy is a Guardian (S11)", func() {
	It("is stopped when it fails, and its owner is told why", func() {
		bubble(func(w *world) {
			g := supervisor.NewGuardian(w.log)
			starts := 0
			pid := w.system.Root.Spawn(supervisor.Props(func() actor.Actor {
				starts++
				return panicky[int](w)()
			}, actor.WithGuardian(g)))
			w.system.Root.Send(pid, 1)
			w.system.Root.Send(pid, 1)
			w.pass(0)
			var err error
			Expect(g.Failed()).To(Receive(&err))
			Expect(err).To(MatchError("panic: oops"))
			Expect(starts).To(Equal(1))
		})
	})

	It("may say that it is ready: its guardian would not survive a message", func() {
		bubble(func(w *world) {
			pid := w.spawn("a", w.spec("a").New(1))
			w.tell("a", finish{})
			Expect(w.journal()).To(Equal([]string{"a1 starts"}))
			w.system.Root.Stop(pid)
		})
	})
})

var _ = Describe("Props", func() {
	It("leave no child to the library's supervision: one that fails is stopped, not restarted", func() {
		bubble(func(w *world) {
			pid := w.parent(false, panicky[string](w))
			w.system.Root.Send(pid, "fail")
			Expect(w.journal()).To(Equal([]string{"kid started", "kid terminated"}))
			Expect(w.counters.Of(supervisor.ChildFailed)).To(BeEquivalentTo(1))
			w.system.Root.Stop(pid)
		})
	})

	It("do not pass to children what they add (S19)", func() {
		bubble(func(w *world) {
			var calls atomic.Int32
			pid := w.spawn("a", actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*actor.Started); ok {
					for range 4 {
						kid := ctx.Spawn(supervisor.Props(func() actor.Actor {
							return actor.ReceiveFunc(func(ctx actor.Context) {
								if _, ok := ctx.Message().(string); ok {
									calls.Add(1)
								}
							})
						}))
						ctx.Send(kid, "once")
					}
				}
			}))
			w.pass(0)
			Expect(calls.Load()).To(BeEquivalentTo(4))
			w.system.Root.Stop(pid)
		})
	})
})

// synctestOnly is bubble for specs that leave broken actors behind, which is what they show.
func synctestOnly(body func(w *world)) {
	GinkgoHelper()
	bubbleWith(body, false)
}
