package power

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Action is one order to a management controller.
type Action string

// The actions. A controller answers ErrNoCommand to one that it does not know.
const (
	TurnOn   Action = "on"
	CutOff   Action = "off"      // at once
	Shutdown Action = "shutdown" // asks the operating system to switch off
	Restart  Action = "restart"  // asks the operating system to boot again
	Reset    Action = "reset"    // at once
)

// Controller is a session with the management controller of one machine. Order returns when the controller has taken the
// order, which says little: some take every order and do nothing.
type Controller interface {
	Status(context.Context) (Status, error)
	Order(context.Context, Action) error
}

// Patience is how a controller's word is held against what it shows afterwards.
type Patience struct {
	Settle time.Duration // after which an order must show; default 10 s
	Poll   time.Duration // between two looks; default 500 ms
	Rest   time.Duration // without current between off and on; default 1 s
}

// Carry does op at level by a controller and looks whether it did. A shutdown may take as long as the context lasts. The
// levels of a reboot: soft asks the operating system, hard resets, very_hard cuts the current and switches on again; a
// machine that is off is switched on. Whether a reset did anything cannot be seen here: the power was on before and is after.
func Carry(ctx context.Context, c Controller, op Op, level Level, p Patience) (Status, error) {
	p = Patience{cmp.Or(p.Settle, 10*time.Second), cmp.Or(p.Poll, 500*time.Millisecond), cmp.Or(p.Rest, time.Second)}
	now, err := c.Status(ctx)
	if err != nil || op == OpStatus {
		return now, err
	}
	switch {
	case op == OpOn || op == OpReboot && now == Off:
		return p.bring(ctx, c, now, On, TurnOn)
	case op == OpOff && level == Soft:
		p.Settle = 0
		return p.bring(ctx, c, now, Off, Shutdown)
	case op == OpOff:
		return p.bring(ctx, c, now, Off, CutOff)
	case level == VeryHard:
		return p.cycle(ctx, c, now)
	case level == Hard:
		return p.bring(ctx, c, Unknown, On, Reset)
	}
	return p.bring(ctx, c, Unknown, On, Restart)
}

func (p Patience) cycle(ctx context.Context, c Controller, now Status) (Status, error) {
	if now, err := p.bring(ctx, c, now, Off, CutOff); err != nil {
		return now, err
	}
	if err := Pause(ctx, p.Rest); err != nil {
		return Off, err
	}
	return p.bring(ctx, c, Off, On, TurnOn)
}

// bring orders what leads to a state, unless it is there, and waits for it.
func (p Patience) bring(ctx context.Context, c Controller, now, want Status, by Action) (Status, error) {
	if now == want {
		return now, nil
	}
	if err := c.Order(ctx, by); err != nil {
		return now, fmt.Errorf("%s: %w", by, err)
	}
	if p.Settle > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Settle, fmt.Errorf("%s later", p.Settle))
		defer cancel()
	}
	for {
		seen, err := c.Status(ctx)
		if err == nil && seen == want {
			return seen, nil
		}
		if seen != Unknown {
			now = seen
		}
		if Pause(ctx, p.Poll) == nil {
			continue
		}
		if now == Unknown && err != nil {
			return Unknown, fmt.Errorf("%s: taken, but nothing was heard of it: %w", by, err)
		}
		return now, fmt.Errorf("%s: taken, but the controller says power is still %s: %w", by, cmp.Or(now, "unknown"), context.Cause(ctx))
	}
}

// Pause waits, or returns why there is no time left.
func Pause(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
