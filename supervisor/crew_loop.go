package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"
)

// Receive handles what concerns the crew and says whether the message was the crew's own. Stopping and Stopped are
// everybody's: it sees them and says no.
func (c *Crew) Receive(ctx actor.Context) bool {
	switch msg := ctx.Message().(type) {
	case ready:
		return c.ready(ctx, c.byPID[msg.who])
	case startFailed:
		return c.failed(ctx, c.byPID[msg.who], msg.err)
	case done:
		return c.done(ctx, c.byPID[msg.who])
	case *actor.Terminated:
		return c.gone(ctx, c.byPID[msg.Who])
	case Elapsed:
		what, ok := c.timers.Accept(msg)
		if ok {
			c.elapsed(ctx, what)
		}
		return ok || msg.owner == &c.timers
	case *actor.Stopping:
		c.closing = true
		c.dismiss(ctx, c.sorted(), Stopped)
	case *actor.Stopped:
		c.timers.StopAll()
	}
	return false
}

// HandleFailure implements actor.SupervisorStrategy for the owner. Whatever follows, the process that failed is stopped
// at once; a process that is no member of the crew is stopped and reported.
func (c *Crew) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, pid *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	if m := c.byPID[pid]; m != nil {
		c.failed(contextOf(sup), m, reason)
		return
	}
	stopFailed{}.HandleFailure(system, sup, pid, rs, reason, msg)
}

func (c *Crew) ready(ctx actor.Context, m *member) bool {
	if m != nil && !m.told {
		c.tell(ctx, ChildReady, m, nil)
		if c.cfg.OnReady != nil {
			c.cfg.OnReady(ctx, m.id, m.pid)
		}
	}
	return true
}

func (c *Crew) done(ctx actor.Context, m *member) bool {
	if m != nil && !m.told {
		m.how = Finished
		c.tell(ctx, ChildDone, m, nil)
		c.leave(ctx, m)
	}
	return true
}

// failed stops the process and asks what follows. One that was told to stop already needs no more: it hears that order
// although its mailbox is suspended.
func (c *Crew) failed(ctx actor.Context, m *member, reason any) bool {
	if m != nil && !m.told {
		c.leave(ctx, m)
		c.judge(ctx, m, reason)
	}
	return true
}

// judge asks the policy about a failure.
func (c *Crew) judge(ctx actor.Context, m *member, reason any) {
	f := Failure{ID: m.id, Incarnation: m.inc, Reason: reason}
	if p, ok := reason.(*PanicError); ok {
		f.Reason, f.Stack = p.Value, p.Stack
	}
	m.how, m.reason = Failed, f.Reason
	c.tell(ctx, ChildFailed, m, asError(reason))
	v := c.cfg.Policy.Failed(f)
	m.again, m.delay = v.Again, v.Delay
}

// gone handles the end of a member's process: it is tried again, or has ended.
func (c *Crew) gone(ctx actor.Context, m *member) bool {
	if m == nil {
		return false
	}
	delete(c.byPID, m.pid)
	c.timers.Stop(m.timer)
	c.tell(ctx, ChildStopped, m, nil)
	m.pid = nil
	if !m.told {
		c.judge(ctx, m, ErrVanished)
	}
	switch {
	case !m.again || m.abandoned:
		c.finish(ctx, m)
	case m.delay > 0:
		m.timer = c.timers.After(ctx, m.delay, retry{m})
	default:
		c.respawn(ctx, m)
	}
	return true
}

func (c *Crew) elapsed(ctx actor.Context, what any) {
	switch e := what.(type) {
	case retry:
		c.respawn(ctx, e.m)
	case limit:
		e.m.abandoned = true
		c.lost[e.m.id] = true
		c.tell(ctx, ChildAbandoned, e.m, nil)
		abandon(ctx, e.m.pid)
	}
}

// spawn starts the next incarnation.
func (c *Crew) spawn(ctx actor.Context, m *member) error {
	m.inc++
	inc := m.inc
	pid, err := ctx.SpawnNamed(Props(func() actor.Actor { return m.make(inc) }), m.id)
	if err != nil {
		return err
	}
	m.pid, m.told, m.again = pid, false, false
	c.byPID[pid] = m
	c.tell(ctx, ChildStarted, m, nil)
	return nil
}

func (c *Crew) respawn(ctx actor.Context, m *member) {
	if err := c.spawn(ctx, m); err != nil {
		m.how, m.reason = Failed, err
		c.finish(ctx, m)
	}
}

// dismiss ends members that have no end yet. All are marked first, then told: whatever one of them does from here on,
// none is tried again.
func (c *Crew) dismiss(ctx actor.Context, members []*member, how How) {
	var running, waiting []*member
	for _, m := range members {
		switch {
		case m.pid == nil:
			waiting = append(waiting, m)
		case !m.told:
			running = append(running, m)
		case !m.again:
			continue // it already has its end and is on its way out
		}
		m.how, m.reason, m.again = how, nil, false
	}
	for _, m := range running {
		c.leave(ctx, m)
	}
	for _, m := range waiting {
		c.timers.Stop(m.timer)
		c.finish(ctx, m)
	}
}

// leave stops the process of a member and sets the limit for it.
func (c *Crew) leave(ctx actor.Context, m *member) {
	m.told = true
	ctx.Stop(m.pid)
	m.timer = c.timers.After(ctx, c.cfg.Shutdown, limit{m})
}

// finish reports the end of a member; if that decides how the crew stands, the rest is cut.
func (c *Crew) finish(ctx actor.Context, m *member) {
	if c.members[m.id] != m {
		return // a callback was quicker
	}
	delete(c.members, m.id)
	if c.cfg.OnEnded != nil {
		c.cfg.OnEnded(ctx, End{ID: m.id, Incarnation: m.inc, How: m.how, Reason: m.reason, Abandoned: m.abandoned})
	}
	if !c.cut && !c.closing && c.cfg.Policy.Standing() != Continue {
		c.CutRest(ctx)
	}
	if len(c.members) == 0 && !c.quiet {
		c.quiet = true
		if c.cfg.OnEmpty != nil {
			c.cfg.OnEmpty(ctx)
		}
	}
}

func (c *Crew) tell(ctx actor.Context, k Kind, m *member, reason error) {
	tell(ctx.ActorSystem(), c.cfg.Log, c.cfg.OnEvent, Event{Kind: k, Supervisor: c.cfg.Name, Child: m.id, Incarnation: m.inc, Reason: reason})
}
