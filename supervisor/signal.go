package supervisor

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// What children say to their parent. The process id is the very pointer that the parent got when it spawned the
// child, so that a word of an earlier incarnation is never taken for one of the next.
type (
	ready       struct{ who *actor.PID }
	startFailed struct {
		who *actor.PID
		err error
	}
	done struct{ who *actor.PID }
)

// shutdown asks a supervisor to stop its children in order and then itself.
type shutdown struct{}

// orderly is implemented by the actors that understand shutdown: Supervisor and what embeds it.
type orderly interface{ orderly() }

// Ready tells the parent that the calling actor is up: its listener is bound, its state is loaded.
func Ready(ctx actor.Context) { tellParent(ctx, ready{ctx.Self()}) }

// StartFailed tells the parent that the calling actor cannot start, and why; the parent then stops it.
func StartFailed(ctx actor.Context, err error) { tellParent(ctx, startFailed{ctx.Self(), err}) }

// Done tells the parent that the calling actor has ended its work; the parent then stops it. (It must not stop itself:
// the news of its end would overtake this one.)
func Done(ctx actor.Context) { tellParent(ctx, done{ctx.Self()}) }

// tellParent sends to the parent, if there is one that listens: a guardian is no actor and panics on messages.
func tellParent(ctx actor.Context, msg any) {
	if p := ctx.Parent(); p != nil && !strings.HasPrefix(p.Id, "guardian$") {
		ctx.Send(p, msg)
	}
}
