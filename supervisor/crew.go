package supervisor

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Crew is the set of workers of the actor that owns it. A pure Policy decides which of those that failed are tried
// again and when the rest is cut; the crew sees to it that a member that was told to stop never acts again.
//
// The owner calls Receive first for every message and forwards HandleFailure; both, and all other methods, belong to
// its goroutine. Members are made by New of their Start, say Done when they have succeeded, and fail by a panic.
type Crew struct {
	cfg     CrewConfig
	members map[string]*member
	byPID   map[*actor.PID]*member
	lost    map[string]bool // names that abandoned processes still hold
	timers  Timers
	cut     bool
	closing bool // the owner is stopping
	quiet   bool // OnEmpty was called for this emptiness
}

// CrewConfig describes a crew. The callbacks run on the owner's goroutine and may call the crew's methods.
type CrewConfig struct {
	Name     string // for events and logs
	Policy   Policy
	Log      *slog.Logger  // nil: slog.Default()
	Shutdown time.Duration // limit of a member's stop; then it is abandoned. 0: 5 s
	OnEvent  func(Event)

	OnReady func(ctx actor.Context, id string, pid *actor.PID) // the member said Ready
	OnEnded func(ctx actor.Context, e End)                     // once per member; its process is gone
	OnEmpty func(ctx actor.Context)                            // no member is left
}

// End is the end of a member for good.
type End struct {
	ID          string
	Incarnation int // the last one
	How         How
	Reason      any  // Failed: as in Failure
	Abandoned   bool // it did not stop in time: its goroutine may still be busy
}

// How a member ended.
type How int

const (
	Finished How = iota // it said Done
	Failed              // it failed and was not tried again
	Stopped             // its owner stopped it, or is stopping
	Cut                 // the crew stood without it
)

func (h How) String() string {
	switch h {
	case Finished:
		return "finished"
	case Failed:
		return "failed"
	case Stopped:
		return "stopped"
	case Cut:
		return "cut"
	}
	return "unknown"
}

// member is what a crew knows of one worker. It runs (pid set), is leaving (pid set, told), or waits for its next try
// (no pid).
type member struct {
	id        string
	make      func(incarnation int) actor.Actor
	inc       int
	pid       *actor.PID
	told      bool // it failed, said Done or was told to stop: nothing it says counts any more
	again     bool // it is tried again, delay after its process is gone
	delay     time.Duration
	how       How
	reason    any
	abandoned bool
	timer     uint64 // of its stop or its next try
}

// limit and retry are sent when the time of a member's stop, or of its pause, is over.
type (
	limit struct{ m *member }
	retry struct{ m *member }
)

// NewCrew makes a crew. Without a Policy it panics.
func NewCrew(cfg CrewConfig) *Crew {
	if cfg.Policy == nil {
		panic("supervisor: a crew needs a policy")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Shutdown = orDefault(cfg.Shutdown, defaultShutdown)
	return &Crew{cfg: cfg, members: make(map[string]*member), byPID: make(map[*actor.PID]*member), lost: make(map[string]bool)}
}

// Start adds a member; create makes its actor, for each incarnation anew. The error is ErrClosing after a cut or while
// the owner stops, and ErrExists while a member of that name, or an abandoned process of it, lives.
func (c *Crew) Start(ctx actor.Context, id string, create func(incarnation int) actor.Actor) (*actor.PID, error) {
	switch {
	case c.cut || c.closing:
		return nil, fmt.Errorf("%s: start %s: %w", c.cfg.Name, id, ErrClosing)
	case c.members[id] != nil || c.lost[id]:
		return nil, fmt.Errorf("%s: start %s: %w", c.cfg.Name, id, ErrExists)
	}
	m := &member{id: id, make: create}
	if err := c.spawn(ctx, m); err != nil {
		return nil, fmt.Errorf("%s: start %s: %w", c.cfg.Name, id, err)
	}
	c.members[id] = m
	c.quiet = false
	return m.pid, nil
}

// Stop ends a member for good and says whether there was one. One that has already said Done or failed for good keeps
// that end.
func (c *Crew) Stop(ctx actor.Context, id string) bool {
	m := c.members[id]
	if m == nil {
		return false
	}
	c.dismiss(ctx, []*member{m}, Stopped)
	return true
}

// CutRest ends every member that has no end yet, and no further one can be started.
func (c *Crew) CutRest(ctx actor.Context) {
	c.cut = true
	c.dismiss(ctx, c.sorted(), Cut)
}

// Alive returns how many members have not ended: running, on their way out, or waiting for their next try.
func (c *Crew) Alive() int { return len(c.members) }

// Incarnation returns the present incarnation of a member, 0 when it is not alive.
func (c *Crew) Incarnation(id string) int {
	if m := c.members[id]; m != nil {
		return m.inc
	}
	return 0
}

// PID returns the process of a member, nil when it has none now.
func (c *Crew) PID(id string) *actor.PID {
	if m := c.members[id]; m != nil {
		return m.pid
	}
	return nil
}

// sorted returns the members by name, so that what happens to all of them happens in one order.
func (c *Crew) sorted() []*member {
	all := make([]*member, 0, len(c.members))
	for _, m := range c.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return all
}
