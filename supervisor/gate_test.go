package supervisor_test

import (
	"io"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

// listener remembers whether a message came before Started.
type listener struct {
	started bool
	early   *bool
	heard   chan<- string
}

func (l *listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.started = true
	case string:
		*l.early = *l.early || !l.started
		l.heard <- m
	}
}

var _ = Describe("an actor that is sent to by name while it is spawned", func() {
	It("hears it after it has started, in order, and nobody races with the spawn", func() {
		system, _ := supervisor.NewSystem(slog.New(slog.NewTextHandler(io.Discard, nil)))
		defer system.Shutdown()
		for range 200 {
			early, heard := false, make(chan string, 1000)
			var senders sync.WaitGroup
			stop := make(chan struct{})
			senders.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if _, up := system.ProcessRegistry.GetLocal("named"); up {
							system.Root.Send(system.NewLocalPID("named"), "one")
							system.Root.Send(system.NewLocalPID("named"), "two")
							return
						}
					}
				}
			})
			pid, err := system.Root.SpawnNamed(supervisor.Props(func() actor.Actor { return &listener{early: &early, heard: heard} }), "named")
			Expect(err).NotTo(HaveOccurred())
			senders.Wait()
			close(stop)
			Eventually(heard).Should(Receive(Equal("one")))
			Eventually(heard).Should(Receive(Equal("two")))
			Expect(system.Root.StopFuture(pid).Wait()).To(Succeed())
			Expect(early).To(BeFalse())
		}
	})
})
