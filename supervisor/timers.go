package supervisor

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Timers are the one-shot timers of one incarnation of an actor. The zero value is ready. Only the actor's own
// goroutine may use it; what it sends is an Elapsed message, to be given to Accept.
//
// (The library's SetReceiveTimeout has a data race and is not re-armed; it is not to be used.)
type Timers struct {
	last uint64
	live map[uint64]*time.Timer
}

// Elapsed says that a timer ran out.
type Elapsed struct {
	id    uint64
	owner *Timers
	msg   any
}

// IgnoreDeadLetterLogging keeps the message out of logs when its actor is gone.
func (Elapsed) IgnoreDeadLetterLogging() {}

// After sends msg to the calling actor once d is over, wrapped in Elapsed, and returns the number of the timer.
func (t *Timers) After(ctx actor.Context, d time.Duration, msg any) uint64 {
	if t.live == nil {
		t.live = make(map[uint64]*time.Timer)
	}
	t.last++
	system, self := ctx.ActorSystem(), ctx.Self()
	e := Elapsed{id: t.last, owner: t, msg: msg}
	t.live[t.last] = time.AfterFunc(d, func() { system.Root.Send(self, e) })
	return t.last
}

// Accept returns the message of a timer that was neither stopped nor set by another incarnation or owner.
func (t *Timers) Accept(e Elapsed) (msg any, ok bool) {
	if e.owner != t || t.live[e.id] == nil {
		return nil, false
	}
	delete(t.live, e.id)
	return e.msg, true
}

// Stop forgets a timer: its message is not accepted any more, even when it is already under way.
func (t *Timers) Stop(id uint64) {
	if timer := t.live[id]; timer != nil {
		timer.Stop()
		delete(t.live, id)
	}
}

// StopAll forgets every timer. Call it when the actor stops.
func (t *Timers) StopAll() {
	for id := range t.live {
		t.Stop(id)
	}
}
