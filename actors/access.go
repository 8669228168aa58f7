package actors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// access answers what clients ask about rights and users, and is the only one that changes them. Changes are carried out in
// a task, one batch after the other, and are written down before they are answered. When a grant ends, or is taken away,
// deployments and consoles are told who lost what. A change that could not be written down may be there all the same: the book in
// force is written over it as soon as that is possible.
type access struct {
	ledger *ledger
	cfg    accessConfig
	log    *slog.Logger
	tasks  supervisor.Tasks
	timers supervisor.Timers
	alarm  uint64 // the timer of the next end
	queue  []*change
	batch  []*change // under way
	busy   bool
}

// accessConfig is how users come and go. Each func is called from tasks, one at a time, and may be nil.
type accessConfig struct {
	tokens func(user string, life time.Duration) (string, error)
	deny   func(user, why string) error
	pin    string
}

// Bounds of the sleep until the next end.
const (
	lookAtClock = time.Minute // the wall clock may be set meanwhile
	restart     = time.Second // what is over already, and was not taken away, must not make a loop
)

// maxChanges bounds those that wait.
const maxChanges = 1000

// wakeUp is the time of the next end.
type wakeUp struct{}

func newAccess(l *ledger, cfg accessConfig, log *slog.Logger) *access {
	return &access{ledger: l, cfg: cfg, log: log}
}

func (a *access) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
		if a.ledger.unsure.Load() { // so that who cannot write any more does not live for long
			a.begin(ctx)
			return
		}
		a.sleep(ctx)
	case *actor.Stopping, *actor.Restarting:
		a.tasks.CancelAll()
		a.timers.StopAll()
	case asked:
		a.asked(ctx, m)
	case isUser:
		m.reply <- a.ledger.book.Load().Enrolled(m.name)
	case supervisor.Elapsed:
		if _, ok := a.timers.Accept(m); ok {
			a.awake(ctx)
		}
	case supervisor.TaskDone:
		if a.tasks.Accept(m) {
			a.done(ctx, m)
		}
	}
}

// sleep sets the alarm to the next end, or to the next try to write the book down.
func (a *access) sleep(ctx actor.Context) {
	a.timers.Stop(a.alarm)
	next, ends := a.ledger.book.Load().NextExpiry()
	switch {
	case ends:
		a.alarm = a.timers.After(ctx, min(max(time.Until(next), restart), lookAtClock), wakeUp{})
	case a.ledger.unsure.Load():
		a.alarm = a.timers.After(ctx, lookAtClock, wakeUp{})
	}
}

func (a *access) awake(ctx actor.Context) {
	if a.busy { // a batch takes away what is over, too, and sleep follows it
		return
	}
	next, ends := a.ledger.book.Load().NextExpiry()
	if ends && !time.Now().Before(next) || a.ledger.unsure.Load() {
		a.begin(ctx)
		return
	}
	a.sleep(ctx)
}

func (a *access) asked(ctx actor.Context, m asked) {
	clientID := m.request.GetClientId()
	if list, ok := m.request.(*message.RightsList); ok {
		a.list(ctx, m.by, list)
		return
	}
	if !a.ledger.admin(m.by) {
		refuse(ctx, clientID, message.Refusal_FORBIDDEN, m.by+" is no admin: rights and users are for admins (see `admins` in deploy.conf)")
		return
	}
	if list, ok := m.request.(*message.UserList); ok {
		ctx.Respond(usersMessage(list.GetClientId(), a.ledger.book.Load().Users()))
		return
	}
	c, err := a.newChange(m)
	if err != nil {
		refuse(ctx, clientID, message.Refusal_INVALID, err.Error())
		return
	}
	c.by, c.clientID, c.sender = m.by, clientID, ctx.Sender()
	a.enqueue(ctx, c)
}

// enqueue drops a request that waits or is under way already: clients repeat what is not answered.
func (a *access) enqueue(ctx actor.Context, c *change) {
	for _, list := range [][]*change{a.queue, a.batch} {
		for _, other := range list {
			if other.by == c.by && other.clientID == c.clientID {
				return
			}
		}
	}
	if len(a.queue) >= maxChanges {
		refuse(ctx, c.clientID, message.Refusal_UNAVAILABLE, "too many changes of rights at once; try again later")
		return
	}
	a.queue = append(a.queue, c)
	if !a.busy {
		a.begin(ctx)
	}
}

func (a *access) begin(ctx actor.Context) {
	a.busy, a.batch, a.queue = true, a.queue, nil
	l, log, batch, system := a.ledger, a.log, a.batch, ctx.ActorSystem()
	tell := func(m endOperations) {
		system.Root.Send(local(system, deploymentsName), m)
		system.Root.Send(local(system, consolesName), m)
	}
	a.tasks.Start(ctx, "rights", func(context.Context) any { return l.carryOut(batch, tell, log) })
}

func (a *access) done(ctx actor.Context, m supervisor.TaskDone) {
	carried, _ := m.Value.(carriedOut)
	if m.Panic != nil {
		a.log.Error("bug while rights were changed", "reason", m.Panic, "stack", string(m.Panic.Stack))
	}
	for i, c := range a.batch {
		o := outcome{err: &unavailableError{errors.New("internal error: see the server's log")}}
		if i < len(carried.outcomes) {
			o = carried.outcomes[i]
		}
		if c.sender != nil {
			ctx.Send(c.sender, c.reply(o))
		}
	}
	a.busy, a.batch = false, nil
	if errors.Is(carried.unwritten, store.ErrFenced) { // as the journal: its supervisor ends this server
		panic(&fencedError{carried.unwritten})
	}
	if len(a.queue) > 0 {
		a.begin(ctx)
		return
	}
	a.sleep(ctx)
}
