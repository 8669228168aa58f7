package supervisor

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// Guardian stands above a top actor: when that fails it is logged, stopped, never restarted, and whoever owns the
// program is told. (The library's own would restart it, or bring down the process with a panic.)
type Guardian struct {
	log    *slog.Logger
	failed chan error
}

// NewGuardian makes a guardian for actor.WithGuardian, for one top actor. A nil log is slog.Default().
func NewGuardian(log *slog.Logger) *Guardian {
	if log == nil {
		log = slog.Default()
	}
	return &Guardian{log: log, failed: make(chan error, 1)}
}

// Failed receives the first failure.
func (g *Guardian) Failed() <-chan error { return g.failed }

// HandleFailure implements actor.SupervisorStrategy. It runs on the goroutine of the failed actor.
func (g *Guardian) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, top *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	err := asError(reason)
	tell(system, g.log, nil, Event{Kind: ChildFailed, Child: top.Id, Reason: err})
	select {
	case g.failed <- err:
	default: // the first one is the reason
	}
	sup.StopChildren(top)
}
