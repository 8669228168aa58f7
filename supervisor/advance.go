package supervisor

import (
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// advance takes every step that is possible now towards what is wanted. It is called after each event.
func (s *Supervisor) advance(ctx actor.Context) {
	s.children = slices.DeleteFunc(s.children, func(c *child) bool { return c.dynamic && !c.want && c.pid == nil })
	gone := s.stopSurplus(ctx)
	switch {
	case s.closing && gone && s.finish != nil:
		finish := s.finish
		s.finish = nil
		finish(ctx)
	case s.closing:
	case gone || s.cfg.Strategy == OneForOne:
		s.startMissing(ctx)
	}
}

// stopSurplus stops the children that must not run: the dynamic ones all at once, then the others from the last to the
// first, never two at a time. It says whether none is left.
func (s *Supervisor) stopSurplus(ctx actor.Context) bool {
	busy := slices.ContainsFunc(s.children, func(c *child) bool { return c.told && !c.dynamic })
	gone := true
	for _, c := range slices.Backward(s.children) {
		if c.pid == nil || c.want && !c.again && !s.closing {
			continue
		}
		if !c.told && (c.dynamic || gone && !busy) {
			s.stop(ctx, c, c.orderly)
		}
		gone = false
	}
	return gone
}

// startMissing starts the children that have no process, each when those before it are ready. A dynamic one keeps
// nobody waiting.
func (s *Supervisor) startMissing(ctx actor.Context) {
	for _, c := range s.children {
		if !c.want {
			continue
		}
		if c.pid == nil {
			if err := s.start(ctx, c); err != nil {
				s.lost(ctx, c, err)
				s.advance(ctx)
				return
			}
		}
		if !c.ready && !c.dynamic {
			return
		}
	}
	if !s.up {
		s.up = true
		s.reportStart(ctx, nil)
	}
}

// start spawns the next incarnation.
func (s *Supervisor) start(ctx actor.Context, c *child) error {
	c.inc++
	c.orderly = false
	pid, err := ctx.SpawnNamed(Props(func() actor.Actor {
		a := c.spec.New(c.inc)
		_, c.orderly = a.(orderly)
		return a
	}), c.spec.ID)
	if err != nil {
		return fmt.Errorf("spawn %s, whose last process does not end: %w", c.spec.ID, err)
	}
	c.pid, c.ready = pid, c.spec.NoAck
	s.tell(ctx, ChildStarted, c, nil)
	limit := c.spec.StartTimeout
	if !c.orderly {
		limit = orDefault(limit, defaultStart)
	}
	if limit > 0 && !c.ready {
		c.timer = s.timers.After(ctx, limit, overdue{c})
	}
	return nil
}

// stop tells the child to stop and sets the limit for it: in order when it understands that and is well, else by the
// library.
func (s *Supervisor) stop(ctx actor.Context, c *child, inOrder bool) {
	limit := c.spec.Shutdown
	if inOrder {
		ctx.Send(c.pid, shutdown{})
	} else {
		limit = orDefault(limit, defaultShutdown)
		ctx.Stop(c.pid)
	}
	s.leave(ctx, c, limit)
}

// leave notes that the child is on its way out; limit 0 waits for ever.
func (s *Supervisor) leave(ctx actor.Context, c *child, limit time.Duration) {
	c.told, c.ready = true, false
	s.timers.Stop(c.timer)
	if limit > 0 {
		c.timer = s.timers.After(ctx, limit, overdue{c})
	}
}

// stopWithLibrary handles a stop that did not come as shutdown: the library stops all children as soon as this returns,
// in no order. What remains is to abandon those that hang.
func (s *Supervisor) stopWithLibrary(ctx actor.Context) {
	s.closing, s.finish = true, nil
	for _, c := range s.children {
		if c.pid != nil && !c.told {
			s.leave(ctx, c, orDefault(c.spec.Shutdown, defaultShutdown))
		}
	}
}
