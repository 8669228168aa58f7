package supervisor

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// lost decides what follows from the end of a child that ought to run. It changes what is wanted, no more.
func (s *Supervisor) lost(ctx actor.Context, c *child, reason error) {
	starting := !c.ready
	c.cause = reason
	s.tell(ctx, ChildFailed, c, reason)
	switch {
	case s.closing || !c.want:
	case starting && !s.up && !c.dynamic:
		s.giveUp(ctx, c, &StartError{Supervisor: s.cfg.Name, Child: c.spec.ID, Err: reason})
	case c.spec.Restart == Temporary, starting && c.dynamic && c.inc == 1:
		c.want = false
	case !s.allow(time.Now()):
		s.giveUp(ctx, c, &IntensityError{Supervisor: s.cfg.Name, Child: c.spec.ID, Intensity: s.cfg.Intensity, Period: s.cfg.Period, Last: reason})
	default:
		s.restart(c)
	}
}

// restart marks the child and those that its strategy restarts with it.
func (s *Supervisor) restart(c *child) {
	from := slices.Index(s.children, c)
	for i, o := range s.children {
		switch {
		case o != c && (s.cfg.Strategy == OneForOne || s.cfg.Strategy == RestForOne && i < from):
		case o.spec.Restart == Temporary:
			o.want = false
		default:
			o.again = o.pid != nil
		}
	}
}

// allow counts a restart and says whether the intensity grants it.
func (s *Supervisor) allow(now time.Time) bool {
	s.restarts = slices.DeleteFunc(s.restarts, func(t time.Time) bool { return now.Sub(t) >= s.cfg.Period })
	s.restarts = append(s.restarts, now)
	return len(s.restarts) <= s.cfg.Intensity
}

// giveUp stops every child, then fails upward: by a panic, or while starting by the word that the start failed.
func (s *Supervisor) giveUp(ctx actor.Context, c *child, err error) {
	s.tell(ctx, GaveUp, c, err)
	s.closing = true
	s.finish = func(ctx actor.Context) {
		if s.up {
			panic(err)
		}
		s.reportStart(ctx, err)
	}
}

// close stops every child in order, then calls finish.
func (s *Supervisor) close(ctx actor.Context, finish func(actor.Context)) {
	s.closing, s.finish = true, finish
	s.advance(ctx)
}

func (s *Supervisor) reportStart(ctx actor.Context, err error) {
	switch {
	case s.started != nil:
		s.started(err)
	case err != nil:
		StartFailed(ctx, err)
	default:
		Ready(ctx)
	}
}
