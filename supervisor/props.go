package supervisor

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// Props returns fresh properties for one spawn of the actor that produce makes. They add to the actor:
//
//   - an unplanned panic reaches its supervisor as a *PanicError with the stack;
//   - once it is stopping, a panic is reported and ignored: the library would restart it, or never end it;
//   - a panic in produce becomes a failed start of the child instead of a failure of its parent;
//   - a child of its own that fails is stopped, unless the actor implements actor.SupervisorStrategy;
//   - what is sent to its name while it is being spawned waits until it has been.
//
// Do not keep and use them twice: options may hold state.
func Props(produce func() actor.Actor, opts ...actor.PropsOption) *actor.Props {
	safe := func() actor.Actor { return wrap(construct(produce)) }
	return actor.PropsFromProducer(safe, append([]actor.PropsOption{actor.WithSupervisor(stopFailed{}), actor.WithMailbox(gated)}, opts...)...)
}

// construct calls produce; if that panics or makes nothing the actor fails when it starts.
func construct(produce func() actor.Actor) (a actor.Actor) {
	defer func() {
		if r := recover(); r != nil {
			a = stillborn{planned(r)}
		}
	}()
	if a = produce(); a == nil {
		return stillborn{errors.New("its constructor made no actor")}
	}
	return a
}

// stillborn fails with its reason as soon as it starts.
type stillborn struct{ reason any }

func (s stillborn) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		panic(s.reason)
	}
}

// shell guards the life cycle of an actor. The library finds out by a type assertion whether an actor supervises its
// own children, so that there are two.
type shell struct {
	inner actor.Actor
	over  bool // this incarnation was told to stop
}

type supervisingShell struct {
	*shell
	strategy actor.SupervisorStrategy
}

func wrap(a actor.Actor) actor.Actor {
	s := &shell{inner: a}
	if strategy, ok := a.(actor.SupervisorStrategy); ok {
		return &supervisingShell{s, strategy}
	}
	return s
}

// Receive implements actor.Actor.
func (s *shell) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Stopping, *actor.Restarting:
		s.over = true
	}
	defer s.guard(ctx)
	s.inner.Receive(ctx)
}

// HandleFailure implements actor.SupervisorStrategy.
func (s *supervisingShell) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	defer s.guard(contextOf(sup))
	s.strategy.HandleFailure(system, sup, child, rs, reason, msg)
}

// guard ends a panic: it goes on upward as a failure, or no further when the actor is over.
func (s *shell) guard(ctx actor.Context) {
	r := recover()
	if r == nil {
		return
	}
	reason := planned(r)
	if !s.over {
		panic(reason)
	}
	tell(ctx.ActorSystem(), ctx.Logger(), nil, Event{Kind: PanicIgnored, Child: ctx.Self().Id, Reason: asError(reason)})
}

// planned returns the reason of a panic as it is when it was planned, with its stack when not. Call it from the
// deferred function that recovered.
func planned(r any) any {
	switch r.(type) {
	case Expected, *PanicError:
		return r
	}
	return &PanicError{Value: r, Stack: debug.Stack()}
}

// contextOf returns the actor context behind the library's view of a supervisor. For a failure of a child that is
// always the context of its parent.
func contextOf(sup actor.Supervisor) actor.Context {
	ctx, ok := sup.(actor.Context)
	if !ok {
		panic(fmt.Sprintf("supervisor: a strategy for actors was called for a %T", sup))
	}
	return ctx
}

// stopFailed ends every child that fails. It stands in for the library's default, which restarts blindly.
type stopFailed struct{}

func (stopFailed) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sup.StopChildren(child)
	tell(system, system.Logger(), nil, Event{Kind: ChildFailed, Child: child.Id, Reason: asError(reason)})
}

// abandon takes a child that does not stop out of its parent's books, so that the parent can end without it. The
// child stays registered under its name, hence nothing can be spawned in its place.
func abandon(ctx actor.Context, child *actor.PID) {
	if self, ok := ctx.ActorSystem().ProcessRegistry.Get(ctx.Self()); ok {
		self.SendSystemMessage(ctx.Self(), &actor.Terminated{Who: child})
	}
}
