package supervisor_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/supervisor"
)

// BenchmarkCrew starts 10,000 members, each of which fails once, is started again, and is done; one operation is the
// whole life of one member.
func BenchmarkCrew(b *testing.B) {
	const total = 10_000
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	policy := &rules{
		failed:   func(f supervisor.Failure) supervisor.Verdict { return supervisor.Verdict{Again: f.Incarnation == 1} },
		standing: func() supervisor.Standing { return supervisor.Continue },
	}
	b.ReportAllocs()
	for b.Loop() {
		system, _ := supervisor.NewSystem(log)
		empty := make(chan struct{})
		crew := supervisor.NewCrew(supervisor.CrewConfig{Policy: policy, Log: log, OnEmpty: func(actor.Context) { close(empty) }})
		pid := system.Root.Spawn(supervisor.Props(func() actor.Actor { return &boss{crew, &world{}} }))
		system.Root.Send(pid, func(ctx actor.Context, c *supervisor.Crew) {
			for i := range total {
				_, err := c.Start(ctx, fmt.Sprintf("n%d", i), func(inc int) actor.Actor {
					return actor.ReceiveFunc(func(ctx actor.Context) {
						if _, ok := ctx.Message().(*actor.Started); ok {
							if inc == 1 {
								panic(planned("once"))
							}
							supervisor.Done(ctx)
						}
					})
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
		<-empty
		system.Root.Stop(pid)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/total, "ns/member")
}
