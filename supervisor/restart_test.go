package supervisor_test

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

var _ = Describe("A child that ends", func() {
	DescribeTable("is started again according to its kind",
		func(kind supervisor.Restart, order any, again bool) {
			bubble(func(w *world) {
				spec := w.spec("a")
				spec.Restart = kind
				t := w.tree(supervisor.Config{Intensity: 1, Children: []supervisor.Spec{spec}})
				w.journal()

				w.tell("top/a", order)
				if again {
					Expect(w.journal()).To(Equal([]string{"a1 stopped", "a2 starts"}))
				} else {
					Expect(w.journal()).To(Equal([]string{"a1 stopped"}))
				}
				Expect(t.Failed()).NotTo(Receive())
				w.stop(t)
			})
		},
		Entry("permanent, by a panic", supervisor.Permanent, crash{"oops"}, true),
		Entry("permanent, by a failure of its plan", supervisor.Permanent, crash{planned("oops")}, true),
		Entry("permanent, done", supervisor.Permanent, finish{}, true),
		Entry("permanent, without a word", supervisor.Permanent, vanish{}, true),
		Entry("transient, by a panic", supervisor.Transient, crash{"oops"}, true),
		Entry("transient, done", supervisor.Transient, finish{}, false),
		Entry("transient, without a word", supervisor.Transient, vanish{}, true),
		Entry("temporary, by a panic", supervisor.Temporary, crash{"oops"}, false),
		Entry("temporary, done", supervisor.Temporary, finish{}, false),
		Entry("temporary, without a word", supervisor.Temporary, vanish{}, false),
	)

	It("keeps its address and loses its mailbox", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Intensity: 1, Children: []supervisor.Spec{w.spec("a")}})
			old := w.system.NewLocalPID("top/a")
			until := make(chan struct{})
			w.system.Root.Send(old, hang{until})
			w.system.Root.Send(old, crash{"oops"})
			w.system.Root.Send(old, "before")
			w.journal()
			close(until)
			Expect(w.journal()).To(Equal([]string{"a1 stopped", "a2 starts"}))
			w.system.Root.Send(old, "after")
			Expect(w.journal()).To(Equal([]string{"a2 got after"}))
			w.stop(t)
		})
	})

	DescribeTable("takes with it those that its supervisor's strategy names",
		func(strategy supervisor.Strategy, want ...string) {
			bubble(func(w *world) {
				temporary := w.spec("t")
				temporary.Restart = supervisor.Temporary
				ended := w.spec("e")
				ended.Restart = supervisor.Transient
				t := w.tree(supervisor.Config{Strategy: strategy, Intensity: 1,
					Children: []supervisor.Spec{w.spec("a"), w.spec("b"), temporary, w.spec("c"), ended}})
				w.tell("top/e", finish{})
				w.journal()

				w.tell("top/b", crash{"oops"})
				Expect(w.journal()).To(Equal(want))
				w.stop(t)
			})
		},
		Entry("nobody", supervisor.OneForOne, "b1 stopped", "b2 starts"),
		Entry("all, but a temporary one does not return, nor one that was done", supervisor.OneForAll,
			"b1 stopped", "c1 stopped", "t1 stopped", "a1 stopped", "a2 starts", "b2 starts", "c2 starts"),
		Entry("those after it", supervisor.RestForOne,
			"b1 stopped", "c1 stopped", "t1 stopped", "b2 starts", "c2 starts"),
	)

	It("is given up with its supervisor when that grants no more restarts", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Intensity: 2, Period: time.Minute, Children: []supervisor.Spec{w.spec("a"), w.spec("b")}})
			w.tell("top/b", crash{"one"})
			w.pass(time.Second)
			w.tell("top/a", crash{"two"})
			w.pass(time.Second)
			Expect(t.Failed()).NotTo(Receive())
			w.journal()

			w.tell("top/b", crash{planned("three")})
			Expect(w.journal()).To(ConsistOf("b2 stopped", "a2 stopped"))
			var err error
			Expect(t.Failed()).To(Receive(&err))
			Expect(err).To(MatchError("top: more than 2 restarts in 1m0s, the last of b: three"))
			var intensity *supervisor.IntensityError
			Expect(errors.As(err, &intensity)).To(BeTrue())
			Expect(intensity.Child).To(Equal("b"))
			Expect(err).To(MatchError(planned("three")))
			Expect(t.Stopped()).To(BeClosed())
			Expect(w.counters.Of(supervisor.GaveUp)).To(BeEquivalentTo(1))
		})
	})

	It("is granted restarts again when the old ones are out of the period", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Intensity: 1, Period: time.Minute, Children: []supervisor.Spec{w.spec("a")}})
			for range 50 {
				w.tell("top/a", crash{"oops"})
				w.pass(time.Minute)
			}
			Expect(t.Failed()).NotTo(Receive())
			w.stop(t)
		})
	})

	It("uses up restarts when it cannot start again", func() {
		bubble(func(w *world) {
			bad := w.spec("a", starting(func(ctx actor.Context, inc int) {
				if inc > 1 {
					supervisor.StartFailed(ctx, errPort)
					return
				}
				supervisor.Ready(ctx)
			}))
			t := w.tree(supervisor.Config{Intensity: 3, Children: []supervisor.Spec{bad}})
			w.tell("top/a", crash{"oops"})
			var err error
			Eventually(t.Failed()).Should(Receive(&err))
			Expect(err).To(MatchError(errPort))
			Expect(w.journal()).To(ContainElement("a4 starts"))
			Expect(w.journal()).NotTo(ContainElement("a5 starts"))
		})
	})

	It("fails the supervisor when it has to be restarted and does not stop", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Strategy: supervisor.OneForAll, Intensity: 5, Children: []supervisor.Spec{w.spec("a"), w.spec("b")}})
			until := make(chan struct{})
			w.tell("top/a", hang{until})
			w.pass(0)
			w.tell("top/b", crash{"oops"})
			w.pass(5 * time.Second)
			var err error
			Expect(t.Failed()).To(Receive(&err))
			Expect(err).To(MatchError("top: a does not stop and cannot be restarted"))
			Expect(t.Stopped()).To(BeClosed())
			Expect(w.journal()).NotTo(ContainElement("b2 starts"))
			close(until)
		})
	})
})

var _ = Describe("A child whose work is done", func() {
	It("may fail before it is stopped: that uses up no restart", func() {
		bubble(func(w *world) {
			a := w.spec("a")
			a.Restart = supervisor.Transient
			slow := stopping(func(actor.Context) { <-time.After(2 * time.Second) })
			t := w.tree(supervisor.Config{Intensity: 1, Children: []supervisor.Spec{a, w.spec("b", slow)}})
			w.tell("top/b", crash{"the only restart"})
			w.pass(0)
			w.tell("top/a", finish{})
			w.pass(0)
			w.tell("top/a", crash{"oops"})
			w.pass(time.Minute)
			Expect(t.Failed()).NotTo(Receive())
			Expect(w.journal()).To(ContainElement("b2 starts"))
			w.stop(t)
		})
	})
})

var _ = Describe("A shutdown", func() {
	It("abandons a child that does not stop in its time, tells and counts it, and goes on", func() {
		bubble(func(w *world) {
			var told []supervisor.Event
			b := w.spec("b")
			b.Shutdown = 2 * time.Second
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a"), b, w.spec("c")}, OnEvent: func(e supervisor.Event) {
				if e.Kind == supervisor.ChildAbandoned {
					told = append(told, e)
				}
			}})
			until := make(chan struct{})
			w.tell("top/b", hang{until})
			w.journal()

			before := time.Now()
			w.stop(t)
			Expect(time.Since(before)).To(Equal(2 * time.Second))
			Expect(w.journal()).To(Equal([]string{"c1 stopped", "a1 stopped"}))
			Expect(told).To(ConsistOf(supervisor.Event{Kind: supervisor.ChildAbandoned, Supervisor: "top", Child: "b", Incarnation: 1}))
			Expect(w.counters.Of(supervisor.ChildAbandoned)).To(BeEquivalentTo(1))
			Expect(supervisortest.Live(w.system)).To(Equal([]string{"top/b"}))

			By("refusing a second owner of its name")
			_, err := supervisor.StartTree(w.system, supervisor.Config{Name: "top", Log: w.log, Children: []supervisor.Spec{w.spec("b")}})
			Expect(err).To(MatchError(actor.ErrNameExists))
			close(until)
			Expect(w.journal()).To(Equal([]string{"b1 stopped"}))
		})
	})

	It("abandons the children of a supervisor that was itself stopped from outside", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a"), w.spec("b")}})
			until := make(chan struct{})
			w.tell("top/a", hang{until})
			w.pass(0)
			w.system.Root.Stop(t.PID())
			w.pass(5 * time.Second)
			Expect(t.Stopped()).To(BeClosed())
			close(until)
		})
	})

	It("ends with its caller's patience", func() {
		bubble(func(w *world) {
			slow := w.spec("a")
			slow.Shutdown = time.Hour
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{slow}})
			until := make(chan struct{})
			w.tell("top/a", hang{until})
			w.pass(0)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			Expect(t.Stop(ctx)).To(MatchError("stop tree top: context deadline exceeded"))
			close(until)
		})
	})

	It("is not stopped by a child that fails on its way out", func() {
		bubble(func(w *world) {
			inner := supervisor.Spec{ID: "in", New: func(int) actor.Actor {
				s := supervisor.New(supervisor.Config{Name: "in", Log: w.log, Children: []supervisor.Spec{w.spec("b")}})
				return &failingSupervisor{s}
			}}
			t := w.tree(supervisor.Config{Intensity: 5, Children: []supervisor.Spec{w.spec("a"), inner}})
			until := make(chan struct{})
			w.tell("top/in/b", hang{until})
			w.pass(0)
			stopped := make(chan error, 1)
			go func() { stopped <- t.Stop(context.Background()) }()
			w.pass(time.Second)
			w.tell("top/in", crash{"while shutting down"})
			w.pass(5 * time.Second)
			Expect(stopped).To(Receive(BeNil()))
			Expect(w.journal()).To(Equal([]string{"a1 starts", "b1 starts", "a1 stopped"}))
			close(until)
		})
	})

	It("is not turned into a failure by a child that fails before its turn comes", func() {
		bubble(func(w *world) {
			slow := stopping(func(actor.Context) { <-time.After(2 * time.Second) })
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a"), w.spec("b", slow)}})
			stopped := make(chan error, 1)
			go func() { stopped <- t.Stop(context.Background()) }()
			w.pass(time.Second)
			w.tell("top/a", crash{"oops"})
			w.pass(time.Second)
			Expect(stopped).To(Receive(BeNil()))
			Expect(t.Failed()).NotTo(Receive())
		})
	})

	It("lets no child come back that is being restarted", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Intensity: 5, Children: []supervisor.Spec{w.spec("a", stopping(func(ctx actor.Context) {
				ctx.Spawn(actor.PropsFromFunc(func(actor.Context) {})) // its own end takes a moment
			}))}})
			w.tell("top/a", crash{"oops"})
			w.stop(t)
		})
	})
})

// failingSupervisor embeds a supervisor and can fail.
type failingSupervisor struct{ *supervisor.Supervisor }

func (f *failingSupervisor) Receive(ctx actor.Context) {
	f.Supervisor.Receive(ctx)
	if c, ok := ctx.Message().(crash); ok {
		panic(c.why)
	}
}
