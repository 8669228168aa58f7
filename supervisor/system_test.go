package supervisor_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

var _ = Describe("A system", func() {
	var text bytes.Buffer
	BeforeEach(func() { text.Reset() })

	It("logs nothing of what its actors receive, and counts", func() {
		bubble(func(w *world) {
			system, counters := supervisor.NewSystem(slog.New(slog.NewTextHandler(&text, nil)))
			pid := system.Root.Spawn(supervisor.Props(panicky[string](w), actor.WithGuardian(supervisor.NewGuardian(w.log))))
			system.Root.Send(pid, "secret-1")
			synctest.Wait()
			for range 5 {
				system.Root.Send(pid, "secret-2")
			}
			system.Logger().With("k", "v").WithGroup("g").Info("[DeadLetter]", "message", "secret-3")
			system.Logger().Info("plain line")
			synctest.Wait()
			Expect(text.String()).NotTo(ContainSubstring("secret"))
			Expect(text.String()).To(ContainSubstring("plain line"))
			Expect(counters.Failures()).To(BeEquivalentTo(1))
			Expect(counters.DeadLetters()).To(BeEquivalentTo(5))
			Expect(supervisortest.Live(system)).To(BeEmpty())
		})
	})

	It("counts failures although its log is too quiet to show them", func() {
		bubble(func(w *world) {
			system, counters := supervisor.NewSystem(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelError})))
			pid := system.Root.Spawn(supervisor.Props(panicky[int](w), actor.WithGuardian(supervisor.NewGuardian(w.log))))
			system.Root.Send(pid, 1)
			system.Logger().Info("plain line")
			synctest.Wait()
			Expect(counters.Failures()).To(BeEquivalentTo(1))
			Expect(text.String()).To(BeEmpty())
		})
	})

	It("shows the stack of a bug, and of a planned failure the reason only", func() {
		bubble(func(w *world) {
			w.log = slog.New(slog.NewTextHandler(&text, nil))
			t := w.tree(supervisor.Config{Intensity: 9, Children: []supervisor.Spec{w.spec("a")}})
			w.tell("top/a", crash{planned("by plan")})
			w.pass(0)
			Expect(text.String()).To(ContainSubstring(`level=WARN msg="child failed" supervisor=top child=a incarnation=1 reason="by plan"`))
			Expect(text.String()).NotTo(ContainSubstring("stack="))
			w.tell("top/a", crash{"by mistake"})
			w.pass(0)
			Expect(text.String()).To(MatchRegexp(`level=ERROR msg="child failed" .* incarnation=2 reason="panic: by mistake" stack=.*suite_test.go`))
			w.stop(t)
		})
	})
})

var _ = Describe("The errors", func() {
	It("tell what, where and why, and unwrap to the cause", func() {
		abandoned := &supervisor.AbandonedError{Supervisor: "top", Child: "tftp", Last: errPort}
		Expect(abandoned).To(MatchError("top: tftp does not stop and cannot be restarted after: " + errPort.Error()))
		Expect(errors.Is(abandoned, errPort)).To(BeTrue())
		Expect(errors.Is(&supervisor.PanicError{Value: errPort}, errPort)).To(BeTrue())
		Expect(errors.Unwrap(&supervisor.PanicError{Value: "text"})).To(BeNil())
	})

	DescribeTable("of supervisors are failures by plan", func(err supervisor.Expected) {
		Expect(err.Expected).NotTo(Panic())
	},
		Entry("start", &supervisor.StartError{}),
		Entry("intensity", &supervisor.IntensityError{}),
		Entry("abandoned", &supervisor.AbandonedError{}),
	)
})

var _ = Describe("A probe", func() {
	It("shows what an actor is sent", func() {
		bubble(func(w *world) {
			p := supervisortest.NewProbe(w.system)
			w.system.Root.Send(p.PID, "hello")
			Eventually(p.C).Should(Receive(Equal("hello")))
			Expect(supervisortest.Live(w.system)).To(Equal([]string{p.PID.Id}))
			p.Stop(w.system)
		})
	})
})
