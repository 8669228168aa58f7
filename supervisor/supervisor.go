package supervisor

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Supervisor is an actor that starts, restarts and stops its children as Config says. An actor with dynamic children
// and a life of its own embeds *Supervisor and gives its Receive every message, before or after it looks at it itself: what
// it knows of its children (Child, Children) changes in that call.
//
// It works level-triggered: an event changes what is wanted of a child (want, again), then advance takes the next
// steps towards it. All methods belong to the actor's own goroutine.
type Supervisor struct {
	cfg      Config
	children []*child // in the order of their start
	restarts []time.Time
	timers   Timers

	up      bool                // every child of Config has started once
	closing bool                // none is started any more
	finish  func(actor.Context) // what to do when closing and all are gone

	started func(error) // of a Tree: replaces the word to the parent
	stopped func()      // of a Tree
}

// child is what a supervisor knows of one child.
type child struct {
	spec    Spec
	dynamic bool // came by StartChild
	inc     int

	want  bool // it ought to run
	again bool // the present process has to go first

	pid       *actor.PID // nil: no process
	ready     bool       // it acknowledged its start
	told      bool       // it failed or was told to stop: nothing it says counts any more
	orderly   bool       // it understands shutdown
	abandoned bool
	timer     uint64 // limit of its start or of its stop
	cause     error  // why it has to start again
}

// overdue is sent when a child did not start or stop in time.
type overdue struct{ c *child }

// New makes a supervisor. Two children of the same name, or one without New, are a programmer's misuse: it panics.
func New(cfg Config) *Supervisor {
	cfg.Period = orDefault(cfg.Period, defaultPeriod)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Supervisor{cfg: cfg}
	for _, spec := range cfg.Children {
		if spec.ID == "" || spec.New == nil || s.named(spec.ID) != nil {
			panic(fmt.Sprintf("supervisor %s: child %q has no name, no constructor, or a name used twice", cfg.Name, spec.ID))
		}
		s.children = append(s.children, &child{spec: spec, want: true})
	}
	return s
}

func (s *Supervisor) orderly() {}

// Receive implements actor.Actor.
func (s *Supervisor) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		s.advance(ctx)
	case ready:
		s.childReady(ctx, msg.who)
	case startFailed:
		s.childFailed(ctx, msg.who, msg.err)
	case done:
		s.childDone(ctx, msg.who)
	case *actor.Terminated:
		s.childGone(ctx, msg.Who)
	case Elapsed:
		if late, ok := s.timers.Accept(msg); ok {
			s.childOverdue(ctx, late.(overdue).c)
		}
	case shutdown:
		s.close(ctx, func(ctx actor.Context) { ctx.Stop(ctx.Self()) })
	case *actor.Stopping:
		s.stopWithLibrary(ctx)
	case *actor.Stopped:
		s.timers.StopAll()
		if s.stopped != nil {
			s.stopped()
		}
	}
}

// HandleFailure implements actor.SupervisorStrategy. The library calls it on the supervisor's goroutine. Whatever
// follows, the process that failed is stopped at once.
func (s *Supervisor) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, pid *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	ctx, c := contextOf(sup), s.owner(pid)
	switch {
	case c == nil:
		sup.StopChildren(pid)
	case c.told: // it failed on its way out, and with that it became deaf to an orderly shutdown
		s.tell(ctx, ChildFailed, c, asError(reason))
		s.stop(ctx, c, false)
	default:
		s.childFailed(ctx, pid, asError(reason))
	}
}

func (s *Supervisor) childReady(ctx actor.Context, who *actor.PID) {
	c := s.running(who)
	if c == nil || c.ready {
		return
	}
	c.ready = true
	s.timers.Stop(c.timer)
	s.tell(ctx, ChildReady, c, nil)
	s.advance(ctx)
}

// childFailed handles a panic of a child, or its word that it cannot start.
func (s *Supervisor) childFailed(ctx actor.Context, who *actor.PID, reason error) {
	c := s.running(who)
	if c == nil {
		return
	}
	s.lost(ctx, c, reason)
	s.stop(ctx, c, false)
	s.advance(ctx)
}

func (s *Supervisor) childDone(ctx actor.Context, who *actor.PID) {
	c := s.running(who)
	switch {
	case c == nil:
	case c.spec.Restart == Permanent:
		s.childFailed(ctx, who, ErrDone)
	default:
		c.want = false
		s.tell(ctx, ChildDone, c, nil)
		s.advance(ctx)
	}
}

// childGone handles the end of a child's process.
func (s *Supervisor) childGone(ctx actor.Context, who *actor.PID) {
	c := s.owner(who)
	if c == nil {
		return // late news of an abandoned one
	}
	if !c.told {
		s.lost(ctx, c, ErrVanished)
	}
	s.timers.Stop(c.timer)
	s.tell(ctx, ChildStopped, c, nil)
	c.pid, c.ready, c.told, c.again = nil, false, false, false
	if c.abandoned && c.want && !s.closing {
		s.giveUp(ctx, c, &AbandonedError{Supervisor: s.cfg.Name, Child: c.spec.ID, Last: c.cause})
	}
	s.advance(ctx)
}

// childOverdue handles the limit of a child's start or stop.
func (s *Supervisor) childOverdue(ctx actor.Context, c *child) {
	if c.told {
		c.abandoned = true
		s.tell(ctx, ChildAbandoned, c, nil)
		abandon(ctx, c.pid) // comes back as its Terminated
		return
	}
	s.lost(ctx, c, ErrStartTimeout)
	s.stop(ctx, c, c.orderly)
	s.advance(ctx)
}

// owner finds the child whose process this is.
func (s *Supervisor) owner(pid *actor.PID) *child {
	for _, c := range s.children {
		if c.pid == pid {
			return c
		}
	}
	return nil
}

// running is owner for what counts only from a child that was not told to stop.
func (s *Supervisor) running(pid *actor.PID) *child {
	if c := s.owner(pid); c != nil && !c.told {
		return c
	}
	return nil
}

func (s *Supervisor) named(id string) *child {
	for _, c := range s.children {
		if c.spec.ID == id {
			return c
		}
	}
	return nil
}

func (s *Supervisor) tell(ctx actor.Context, k Kind, c *child, reason error) {
	tell(ctx.ActorSystem(), s.cfg.Log, s.cfg.OnEvent, Event{Kind: k, Supervisor: s.cfg.Name, Child: c.spec.ID, Incarnation: c.inc, Reason: reason})
}
