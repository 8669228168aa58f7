package supervisor

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// Kind is what happened to a child.
type Kind int

const (
	ChildStarted   Kind = iota // an incarnation was spawned
	ChildReady                 // it said that it is up
	ChildFailed                // it panicked, vanished, or could not start: Reason says why
	ChildDone                  // it said that its work is over
	ChildStopped               // its process is gone
	ChildAbandoned             // it did not stop within its deadline
	GaveUp                     // the supervisor itself fails with Reason
	PanicIgnored               // an actor panicked while it was stopping; Child is its address
	kinds
)

func (k Kind) String() string {
	names := [kinds]string{"started", "ready", "failed", "done", "stopped", "abandoned", "gave up", "panic while stopping"}
	if k < 0 || k >= kinds {
		return "unknown"
	}
	return names[k]
}

// Event is one fact about a child. It is given to OnEvent and published on the system's event stream, whose handlers
// run on the goroutine of the supervisor and must neither block nor panic.
type Event struct {
	Kind        Kind
	Supervisor  string
	Child       string
	Incarnation int
	Reason      error // ChildFailed, GaveUp, PanicIgnored
}

// tell publishes an event and logs what people need to see.
func tell(system *actor.ActorSystem, log *slog.Logger, also func(Event), e Event) {
	level := slog.LevelDebug
	switch e.Kind {
	case ChildFailed:
		level = slog.LevelWarn
	case ChildAbandoned, GaveUp, PanicIgnored:
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("supervisor", e.Supervisor), slog.String("child", e.Child), slog.Int("incarnation", e.Incarnation)}
	if e.Reason != nil {
		attrs = append(attrs, slog.String("reason", e.Reason.Error()))
	}
	if p, ok := e.Reason.(*PanicError); ok {
		level = slog.LevelError
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	log.LogAttrs(context.Background(), level, "child "+e.Kind.String(), attrs...)
	if also != nil {
		also(e)
	}
	system.EventStream.Publish(e)
}
