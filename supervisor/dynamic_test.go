package supervisor_test

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

// pool embeds a supervisor, as an actor with a life of its own does.
type pool struct{ *supervisor.Supervisor }

func (p *pool) Receive(ctx actor.Context) {
	p.Supervisor.Receive(ctx)
	if f, ok := ctx.Message().(func(actor.Context, *pool)); ok {
		f(ctx, p)
	}
}

var _ = Describe("Dynamic children", func() {
	// with runs body with a pool top/pool; do calls a function on the pool's goroutine.
	with := func(intensity int, body func(w *world, t *supervisor.Tree, do func(func(actor.Context, *pool)))) {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{{ID: "pool", New: func(int) actor.Actor {
				return &pool{supervisor.New(supervisor.Config{Name: "pool", Log: w.log, Intensity: intensity})}
			}}}})
			body(w, t, func(f func(actor.Context, *pool)) { w.tell("top/pool", f); w.pass(0) })
			w.stop(t)
		})
	}
	transient := func(s supervisor.Spec) supervisor.Spec { s.Restart = supervisor.Transient; return s }
	add := func(spec supervisor.Spec) func(actor.Context, *pool) {
		return func(ctx actor.Context, p *pool) {
			if _, err := p.StartChild(ctx, spec); err != nil {
				panic(err)
			}
		}
	}

	It("are started on demand, restarted when they fail and forgotten when they are done", func() {
		with(1, func(w *world, _ *supervisor.Tree, do func(func(actor.Context, *pool))) {
			do(add(transient(w.spec("x"))))
			do(add(transient(w.spec("y"))))
			w.tell("top/pool/x", crash{"oops"})
			Expect(w.journal()).To(Equal([]string{"x1 starts", "y1 starts", "x1 stopped", "x2 starts"}))
			w.tell("top/pool/x", finish{})
			Expect(w.journal()).To(Equal([]string{"x2 stopped"}))
			do(func(_ actor.Context, p *pool) {
				w.note("%d children, y %v, x %v", p.Children(), p.Child("y").GetId(), p.Child("x").GetId())
			})
			Expect(w.journal()).To(Equal([]string{"1 children, y top/pool/y, x "}))
			do(add(transient(w.spec("x"))))
			Expect(w.journal()).To(Equal([]string{"x1 starts"}), "its name is free again")
		})
	})

	It("are forgotten when their first start fails", func() {
		with(0, func(w *world, t *supervisor.Tree, do func(func(actor.Context, *pool))) {
			do(add(w.spec("x", starting(func(ctx actor.Context, _ int) { supervisor.StartFailed(ctx, errPort) }))))
			Expect(w.journal()).To(Equal([]string{"x1 starts", "x1 stopped"}))
			do(func(_ actor.Context, p *pool) { w.note("%d children", p.Children()) })
			Expect(w.journal()).To(Equal([]string{"0 children"}))
			Expect(t.Failed()).NotTo(Receive())
		})
	})

	It("keep nobody waiting, neither when they start nor when they stop", func() {
		with(1, func(w *world, _ *supervisor.Tree, do func(func(actor.Context, *pool))) {
			do(add(w.spec("slow", starting(func(actor.Context, int) {}))))
			do(add(transient(w.spec("x"))))
			do(add(w.spec("stuck", stopping(func(actor.Context) { <-time.After(3 * time.Second) }))))
			do(func(ctx actor.Context, p *pool) { p.StopChild(ctx, "stuck") })
			w.journal()
			w.tell("top/pool/x", crash{"oops"})
			Expect(w.journal()).To(Equal([]string{"x1 stopped", "x2 starts"}))
		})
	})

	It("are all stopped at once with their supervisor", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{{ID: "pool", New: func(int) actor.Actor {
				return &pool{supervisor.New(supervisor.Config{Name: "pool", Log: w.log})}
			}}}})
			until := make(chan struct{})
			for _, name := range []string{"x", "y", "z"} {
				w.tell("top/pool", add(w.spec(name)))
				w.pass(0)
				w.tell("top/pool/"+name, hang{until})
			}
			w.pass(0)
			before := time.Now()
			w.stop(t)
			Expect(time.Since(before)).To(Equal(5*time.Second), "one deadline for three that hang")
			close(until)
		})
	})

	It("can be ended by name", func() {
		with(0, func(w *world, _ *supervisor.Tree, do func(func(actor.Context, *pool))) {
			do(add(w.spec("x")))
			do(func(ctx actor.Context, p *pool) { w.note("%v", p.StopChild(ctx, "x")) })
			Expect(w.journal()).To(ConsistOf("x1 starts", "true", "x1 stopped"))
			do(func(ctx actor.Context, p *pool) { w.note("%v", p.StopChild(ctx, "x")) })
			Expect(w.journal()).To(Equal([]string{"false"}))
		})
	})

	It("are refused under a name in use, and by a supervisor that is stopping", func() {
		bubble(func(w *world) {
			var p *pool
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{{ID: "pool", New: func(int) actor.Actor {
				p = &pool{supervisor.New(supervisor.Config{Name: "pool", Log: w.log})}
				return p
			}}}})
			var twice, late error
			until := make(chan struct{})
			w.tell("top/pool", func(ctx actor.Context, p *pool) {
				_, _ = p.StartChild(ctx, w.spec("x"))
				_, twice = p.StartChild(ctx, w.spec("x"))
			})
			w.pass(0)
			w.tell("top/pool/x", hang{until})
			w.pass(0)
			stopped := make(chan error, 1)
			go func() { stopped <- t.Stop(context.Background()) }()
			w.pass(time.Second)
			w.tell("top/pool", func(ctx actor.Context, p *pool) { _, late = p.StartChild(ctx, w.spec("y")) })
			w.pass(0)
			close(until)
			Expect(<-stopped).To(Succeed())
			Expect(twice).To(MatchError(supervisor.ErrExists))
			Expect(errors.Is(late, supervisor.ErrClosing)).To(BeTrue())
			Expect(w.journal()).NotTo(ContainElement(HavePrefix("y")))
		})
	})

	It("are for the strategy OneForOne", func() {
		s := supervisor.New(supervisor.Config{Strategy: supervisor.OneForAll})
		Expect(func() { _, _ = s.StartChild(nil, supervisor.Spec{ID: "x", New: func(int) actor.Actor { return nil }}) }).To(Panic())
	})
})
