package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// Tasks are the goroutines that work for one incarnation of an actor, to whose own goroutine they belong. The zero value
// is ready.
//
// A task gets nothing of the actor's context: in another goroutine that would be a race.
type Tasks struct {
	last uint64
	live map[uint64]context.CancelFunc
}

// TaskDone is the result of a task.
type TaskDone struct {
	Op    uint64
	Name  string
	Value any         // what the function returned
	Panic *PanicError // not nil: it panicked or called runtime.Goexit instead
	owner *Tasks
}

// IgnoreDeadLetterLogging keeps the result out of logs when its actor is gone.
func (TaskDone) IgnoreDeadLetterLogging() {}

// LogValue leaves the result itself out of logs.
func (d TaskDone) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("task %s %d", d.Name, d.Op))
}

// Start runs fn in a goroutine and returns the number of the task. Its end comes to the calling actor as TaskDone,
// also when it panicked.
func (t *Tasks) Start(ctx actor.Context, name string, fn func(context.Context) any) uint64 {
	if t.live == nil {
		t.live = make(map[uint64]context.CancelFunc)
	}
	c, cancel := context.WithCancel(context.Background())
	t.last++
	t.live[t.last] = cancel

	system, self := ctx.ActorSystem(), ctx.Self()
	d := TaskDone{Op: t.last, Name: name, owner: t, Panic: &PanicError{Value: errGoexit}}
	go func() {
		defer func() {
			cancel()
			system.Root.Send(self, d)
		}()
		d.Value, d.Panic = run(c, fn) // runtime.Goexit leaves d as it was
	}()
	return t.last
}

var errGoexit = errors.New("runtime.Goexit was called")

// run calls fn and turns its panic into a value.
func run(c context.Context, fn func(context.Context) any) (v any, p *PanicError) {
	defer func() {
		if r := recover(); r != nil {
			if p, _ = planned(r).(*PanicError); p == nil {
				p = &PanicError{Value: r}
			}
		}
	}()
	return fn(c), nil
}

// Accept says whether d is news: a task of this incarnation that was not forgotten. It accepts each once.
func (t *Tasks) Accept(d TaskDone) bool {
	if d.owner != t || t.live[d.Op] == nil {
		return false
	}
	delete(t.live, d.Op)
	return true
}

// Cancel cancels the context of a task; its result still comes.
func (t *Tasks) Cancel(op uint64) {
	if cancel := t.live[op]; cancel != nil {
		cancel()
	}
}

// CancelAll cancels the contexts of all tasks and forgets them: no result is accepted any more. Call it when the actor
// stops.
func (t *Tasks) CancelAll() {
	for op, cancel := range t.live {
		cancel()
		delete(t.live, op)
	}
}
