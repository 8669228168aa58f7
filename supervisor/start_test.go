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

var errPort = errors.New("listen tcp 127.0.0.1:69: address already in use")

var _ = Describe("A tree", func() {
	It("starts its children in order, each after the one before it said that it is up", func() {
		bubble(func(w *world) {
			slow := starting(func(ctx actor.Context, _ int) {
				system, self := ctx.ActorSystem(), ctx.Self()
				time.AfterFunc(3*time.Second, func() { system.Root.Send(self, command(supervisor.Ready)) })
			})
			tree := make(chan *supervisor.Tree, 1)
			go func() { tree <- w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a", slow), w.spec("b")}}) }()

			w.pass(2 * time.Second)
			Expect(w.journal()).To(Equal([]string{"a1 starts"}))
			Expect(tree).NotTo(Receive())

			w.pass(time.Second)
			Expect(w.journal()).To(Equal([]string{"b1 starts"}))
			w.stop(<-tree)
		})
	})

	It("stops them in the reverse order, one by one", func() {
		bubble(func(w *world) {
			inner := supervisor.Spec{ID: "in", New: func(int) actor.Actor {
				return supervisor.New(supervisor.Config{Name: "in", Log: w.log, Children: []supervisor.Spec{w.spec("b"), w.spec("c")}})
			}}
			t := w.tree(supervisor.Config{Children: []supervisor.Spec{w.spec("a"), inner, w.spec("d")}})
			Expect(w.journal()).To(Equal([]string{"a1 starts", "b1 starts", "c1 starts", "d1 starts"}))

			w.stop(t)
			Expect(w.journal()).To(Equal([]string{"d1 stopped", "c1 stopped", "b1 stopped", "a1 stopped"}))
			Expect(t.Stopped()).To(BeClosed())
			Expect(t.Stop(context.Background())).To(Succeed(), "a second time")
		})
	})

	It("does not wait for a child that acknowledges nothing", func() {
		bubble(func(w *world) {
			mute := w.spec("a", starting(func(actor.Context, int) {}))
			mute.NoAck = true
			w.stop(w.tree(supervisor.Config{Children: []supervisor.Spec{mute, w.spec("b")}}))
		})
	})

	It("needs no children", func() {
		bubble(func(w *world) { w.stop(w.tree(supervisor.Config{})) })
	})

	It("cannot have the name of another", func() {
		bubble(func(w *world) {
			t := w.tree(supervisor.Config{})
			_, err := supervisor.StartTree(w.system, supervisor.Config{Name: "top"})
			Expect(err).To(MatchError(actor.ErrNameExists))
			w.stop(t)
		})
	})

	DescribeTable("when a child cannot start, stops the elder ones and says so in one line",
		func(bad func(w *world) supervisor.Spec, line string, cause error) {
			bubble(func(w *world) {
				_, err := supervisor.StartTree(w.system, supervisor.Config{Name: "top", Log: w.log, Intensity: 9,
					Children: []supervisor.Spec{w.spec("a"), w.spec("b"), bad(w), w.spec("d")}})
				Expect(err).To(MatchError(line))
				var start *supervisor.StartError
				Expect(errors.As(err, &start)).To(BeTrue())
				Expect(start.Child).To(Equal("c"))
				if cause != nil {
					Expect(err).To(MatchError(cause))
				}
				lines := w.journal()
				Expect(lines).To(ContainElements("b1 stopped", "a1 stopped"))
				Expect(lines[len(lines)-1]).To(Equal("a1 stopped"))
				Expect(lines).NotTo(ContainElement(HavePrefix("d")), "what comes after it is never started")
				Expect(lines).NotTo(ContainElement("c2 starts"), "and it is not tried again")
			})
		},
		Entry("because it says so", func(w *world) supervisor.Spec {
			return w.spec("c", starting(func(ctx actor.Context, _ int) { supervisor.StartFailed(ctx, errPort) }))
		}, "top: start c: "+errPort.Error(), errPort),
		Entry("because it panics", func(w *world) supervisor.Spec {
			return w.spec("c", starting(func(actor.Context, int) { panic("oops") }))
		}, "top: start c: panic: oops", nil),
		Entry("because it fails by plan", func(w *world) supervisor.Spec {
			return w.spec("c", starting(func(actor.Context, int) { panic(planned("no disk")) }))
		}, "top: start c: no disk", planned("no disk")),
		Entry("because its constructor panics", func(w *world) supervisor.Spec {
			return supervisor.Spec{ID: "c", New: func(int) actor.Actor { panic(errPort) }}
		}, "top: start c: panic: "+errPort.Error(), errPort),
		Entry("because its constructor makes nothing", func(w *world) supervisor.Spec {
			return supervisor.Spec{ID: "c", New: func(int) actor.Actor { return nil }}
		}, "top: start c: panic: its constructor made no actor", nil),
		Entry("because it stops", func(w *world) supervisor.Spec {
			return w.spec("c", starting(func(ctx actor.Context, _ int) { ctx.Stop(ctx.Self()) }))
		}, "top: start c: stopped without saying that it was done", supervisor.ErrVanished),
		Entry("because it is never ready", func(w *world) supervisor.Spec {
			s := w.spec("c", starting(func(actor.Context, int) {}))
			s.StartTimeout = time.Minute
			return s
		}, "top: start c: did not say in time that it was up", supervisor.ErrStartTimeout),
		Entry("because it hangs", func(w *world) supervisor.Spec {
			return w.spec("c", starting(func(actor.Context, int) { <-time.After(time.Hour) }))
		}, "top: start c: did not say in time that it was up", supervisor.ErrStartTimeout),
	)

	It("takes no late word of a child that it already stops for not starting", func() {
		bubble(func(w *world) {
			late := w.spec("a", starting(func(ctx actor.Context, _ int) {
				<-time.After(11 * time.Second)
				supervisor.Ready(ctx)
				<-time.After(time.Hour)
			}))
			before := time.Now()
			_, err := supervisor.StartTree(w.system, supervisor.Config{Name: "top", Log: w.log, Children: []supervisor.Spec{late}})
			Expect(err).To(MatchError(supervisor.ErrStartTimeout))
			Expect(time.Since(before)).To(Equal(15*time.Second), "10 s to start and 5 s to stop")
		})
	})

	It("names the whole path when a grandchild cannot start", func() {
		bubble(func(w *world) {
			inner := supervisor.Spec{ID: "netboot", New: func(int) actor.Actor {
				return supervisor.New(supervisor.Config{Name: "netboot", Log: w.log, Children: []supervisor.Spec{
					w.spec("http"),
					w.spec("tftp", starting(func(ctx actor.Context, _ int) { supervisor.StartFailed(ctx, errPort) })),
				}})
			}}
			_, err := supervisor.StartTree(w.system, supervisor.Config{Name: "top", Log: w.log, Children: []supervisor.Spec{w.spec("a"), inner}})
			Expect(err).To(MatchError("top: start netboot: netboot: start tftp: " + errPort.Error()))
			Expect(w.journal()).To(Equal([]string{"a1 starts", "http1 starts", "tftp1 starts", "tftp1 stopped", "http1 stopped", "a1 stopped"}))
		})
	})

	It("starts again in full what a nested supervisor had when that fails", func() {
		bubble(func(w *world) {
			inner := supervisor.Spec{ID: "in", New: func(int) actor.Actor {
				return supervisor.New(supervisor.Config{Name: "in", Log: w.log, Intensity: 1, Children: []supervisor.Spec{w.spec("b"), w.spec("c")}})
			}}
			t := w.tree(supervisor.Config{Intensity: 1, Children: []supervisor.Spec{w.spec("a"), inner}})
			w.tell("top/in/b", crash{"one"})
			w.journal()
			w.tell("top/in/b", crash{"two"})
			lines := w.journal()
			Expect(lines[:2]).To(ConsistOf("b2 stopped", "c1 stopped"))
			Expect(lines[2:]).To(Equal([]string{"b1 starts", "c1 starts"}))
			w.stop(t)
		})
	})
})

var _ = Describe("New", func() {
	DescribeTable("refuses a programmer's misuse", func(children ...supervisor.Spec) {
		Expect(func() { supervisor.New(supervisor.Config{Children: children}) }).To(Panic())
	},
		Entry("a name used twice", supervisor.Spec{ID: "a", New: func(int) actor.Actor { return nil }}, supervisor.Spec{ID: "a", New: func(int) actor.Actor { return nil }}),
		Entry("no name", supervisor.Spec{New: func(int) actor.Actor { return nil }}),
		Entry("no constructor", supervisor.Spec{ID: "a"}),
	)
})
