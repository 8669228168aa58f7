package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/supervisor"
)

// child is an actor that fails with the errors it is sent.
type child struct{}

func (child) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
	case error:
		panic(m)
	}
}

var _ = Describe("a daemon whose tree is no more", func() {
	var system *actor.ActorSystem
	var tree *supervisor.Tree
	var closed atomic.Bool
	var ended chan error
	var signals chan os.Signal

	BeforeEach(func() {
		quiet := slog.New(slog.DiscardHandler)
		system, _ = supervisor.NewSystem(quiet)
		DeferCleanup(system.Shutdown)
		var err error
		tree, err = supervisor.StartTree(system, supervisor.Config{Name: "root", Log: quiet, Children: []supervisor.Spec{
			{ID: "child", Restart: supervisor.Permanent, New: func(int) actor.Actor { return child{} }},
		}})
		Expect(err).NotTo(HaveOccurred())
		closed.Store(false)
		signals, ended = make(chan os.Signal, 1), make(chan error, 1)
		go func() {
			ended <- daemon.Wait(system, tree, quiet, func() { closed.Store(true) }, signals, 10*time.Second)
		}()
	})

	It("ends with the reason when the tree failed", func() {
		system.Root.Send(actor.NewPID(system.Address(), "root/child"), errors.New("the last straw")) // no restart is granted
		var err error
		Eventually(ended, "10s").Should(Receive(&err))
		Expect(err).To(MatchError(And(ContainSubstring("the supervision tree failed"), ContainSubstring("the last straw"))))
		Expect(closed.Load()).To(BeTrue())
	})

	It("ends when the tree is gone without a word", func() {
		system.Root.Poison(tree.PID())
		Eventually(ended, "10s").Should(Receive(MatchError(ContainSubstring("it ended, but nobody stopped it"))))
		Expect(closed.Load()).To(BeTrue())
	})

	It("ends well when it was stopped", func() {
		signals <- unix.SIGTERM
		Eventually(ended, "10s").Should(Receive(BeNil()))
		Expect(closed.Load()).To(BeTrue())
	})
})

var _ = Describe("the log of the actor library", func() {
	DescribeTable("shows an operator", func(level slog.Level, message string, expected slog.Level) {
		var out bytes.Buffer
		log := slog.New(daemon.Library(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: expected})))
		log.With("k", "v").WithGroup("g").Log(context.Background(), level, message)
		Expect(out.String()).To(ContainSubstring("level=" + expected.String()))
		out.Reset()
		log = slog.New(daemon.Library(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: expected + 1})))
		log.Log(context.Background(), level, message)
		Expect(out.String()).To(BeEmpty())
	},
		Entry("no connection that ended", slog.LevelError, "EndpointWriter lost connection", slog.LevelDebug),
		Entry("no news", slog.LevelInfo, "Starting remote with address", slog.LevelDebug),
		Entry("warnings of supervisors", slog.LevelWarn, "child failed", slog.LevelWarn),
		Entry("errors of supervisors", slog.LevelError, "child failed", slog.LevelError),
	)
})
