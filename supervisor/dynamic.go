package supervisor

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Why StartChild refuses.
var (
	ErrClosing = errors.New("the supervisor is stopping")
	ErrExists  = errors.New("a child of that name exists")
)

// StartChild adds a child to those of Config (OTP: simple_one_for_one). It is for the actor that embeds the supervisor,
// on its own goroutine, and for the strategy OneForOne. The child does not wait for others nor they for it; when its
// first start fails or when it has ended for good it is forgotten and its name is free again.
func (s *Supervisor) StartChild(ctx actor.Context, spec Spec) (*actor.PID, error) {
	switch {
	case spec.ID == "" || spec.New == nil || s.cfg.Strategy != OneForOne:
		panic(fmt.Sprintf("supervisor %s: a dynamic child needs a name, a constructor and the strategy OneForOne", s.cfg.Name))
	case s.closing:
		return nil, fmt.Errorf("%s: start %s: %w", s.cfg.Name, spec.ID, ErrClosing)
	case s.named(spec.ID) != nil:
		return nil, fmt.Errorf("%s: start %s: %w", s.cfg.Name, spec.ID, ErrExists)
	}
	c := &child{spec: spec, dynamic: true, want: true}
	if err := s.start(ctx, c); err != nil {
		return nil, fmt.Errorf("%s: start %s: %w", s.cfg.Name, spec.ID, err)
	}
	s.children = append(s.children, c)
	return c.pid, nil
}

// StopChild ends a child for good and says whether there was one.
func (s *Supervisor) StopChild(ctx actor.Context, id string) bool {
	c := s.named(id)
	if c == nil || !c.want {
		return false
	}
	c.want = false
	s.advance(ctx)
	return true
}

// Child returns the process of a child, nil when it has none now.
func (s *Supervisor) Child(id string) *actor.PID {
	if c := s.named(id); c != nil {
		return c.pid
	}
	return nil
}

// Children returns how many children there are, with or without a process.
func (s *Supervisor) Children() int { return len(s.children) }
