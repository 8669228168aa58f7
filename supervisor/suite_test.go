package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

var suiteT *testing.T

func TestSupervisor(t *testing.T) {
	suiteT = t
	RegisterFailHandler(Fail)
	RunSpecs(t, "Supervisor")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() {
		Eventually(gleak.Goroutines).WithTimeout(5 * time.Second).ShouldNot(gleak.HaveLeaked(before))
	})
})

// bubble runs body in fake time and in an actor system of its own; no actor may be left at its end.
func bubble(body func(w *world)) {
	GinkgoHelper()
	bubbleWith(body, true)
}

func bubbleWith(body func(w *world), clean bool) {
	GinkgoHelper()
	synctest.Test(suiteT, func(*testing.T) {
		defer GinkgoRecover()
		w := newWorld()
		body(w)
		w.pass(24 * time.Hour) // whoever hangs wakes up
		if clean {
			Expect(supervisortest.Live(w.system)).To(BeEmpty(), "actors left behind")
		}
	})
}

// world is an actor system and what happened in it.
type world struct {
	system   *actor.ActorSystem
	counters *supervisor.Counters
	log      *slog.Logger

	mu    sync.Mutex
	lines []string
}

func newWorld() *world {
	w := &world{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	w.system, w.counters = supervisor.NewSystem(w.log)
	return w
}

// note adds a line to the journal.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// journal waits until nothing moves any more, and returns and empties what was noted.
func (w *world) journal() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// pass lets fake time pass.
func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// tell sends to an actor by its full name.
func (w *world) tell(name string, msg any) {
	GinkgoHelper()
	_, ok := w.system.ProcessRegistry.GetLocal(name)
	Expect(ok).To(BeTrue(), "there is no actor %s", name)
	w.system.Root.Send(w.system.NewLocalPID(name), msg)
}

// tree starts a tree named top.
func (w *world) tree(cfg supervisor.Config) *supervisor.Tree {
	GinkgoHelper()
	cfg.Name, cfg.Log = "top", w.log
	t, err := supervisor.StartTree(w.system, cfg)
	Expect(err).NotTo(HaveOccurred())
	return t
}

func (w *world) stop(t *supervisor.Tree) {
	GinkgoHelper()
	Expect(t.Stop(context.Background())).To(Succeed())
}

// spawn starts a top actor that nobody restarts.
func (w *world) spawn(name string, a actor.Actor) *actor.PID {
	GinkgoHelper()
	pid, err := w.system.Root.SpawnNamed(supervisor.Props(func() actor.Actor { return a }, actor.WithGuardian(supervisor.NewGuardian(w.log))), name)
	Expect(err).NotTo(HaveOccurred())
	return pid
}

// Orders that a service obeys.
type (
	crash   struct{ why any }
	finish  struct{} // says Done
	vanish  struct{} // stops itself without a word
	hang    struct{ until chan struct{} }
	command func(actor.Context)
)

// planned is a failure by plan.
type planned string

func (p planned) Error() string { return string(p) }
func (planned) Expected()       {}

// service is an actor that notes its life and obeys orders.
type service struct {
	w      *world
	name   string
	start  func(ctx actor.Context, incarnation int) // nil: Ready
	inc    int
	onStop func(ctx actor.Context)
}

func (s *service) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		s.w.note("%s%d starts", s.name, s.inc)
		if s.start != nil {
			s.start(ctx, s.inc)
			return
		}
		supervisor.Ready(ctx)
	case *actor.Stopping:
		if s.onStop != nil {
			s.onStop(ctx)
		}
	case *actor.Stopped:
		s.w.note("%s%d stopped", s.name, s.inc)
	case crash:
		panic(msg.why)
	case finish:
		supervisor.Done(ctx)
	case vanish:
		ctx.Stop(ctx.Self())
	case hang:
		<-msg.until
	case command:
		msg(ctx)
	case string:
		s.w.note("%s%d got %s", s.name, s.inc, msg)
	}
}

// spec describes a service; change adjusts each incarnation's actor.
func (w *world) spec(name string, change ...func(*service)) supervisor.Spec {
	return supervisor.Spec{ID: name, New: func(inc int) actor.Actor {
		s := &service{w: w, name: name, inc: inc}
		for _, f := range change {
			f(s)
		}
		return s
	}}
}

func starting(f func(ctx actor.Context, inc int)) func(*service) {
	return func(s *service) { s.start = f }
}
func stopping(f func(ctx actor.Context)) func(*service) { return func(s *service) { s.onStop = f } }
