package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// reboot owns the reboot window: so many power commands under way at once, over all operations. A token comes back the
// moment its command ends, and the next request starts at once; Kadeploy3 waited for whole batches and slept between them.
type reboot struct {
	drivers map[string]power.Driver
	inForce *snapshot // has the window and the limit of one command
	log     *slog.Logger
	tasks   supervisor.Tasks
	running map[uint64]powerRequest
	queue   []powerRequest
}

func newReboot(inForce *snapshot, drivers map[string]power.Driver, log *slog.Logger) *reboot {
	return &reboot{drivers: drivers, inForce: inForce, log: log, running: make(map[uint64]powerRequest)}
}

func (r *reboot) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		r.tasks.CancelAll()
	case powerRequest:
		r.queue = append(r.queue, m)
		r.next(ctx)
	case supervisor.TaskDone:
		if r.tasks.Accept(m) {
			r.done(ctx, m)
		}
	}
}

// next starts what the window allows.
func (r *reboot) next(ctx actor.Context) {
	global := r.inForce.Load().Global
	for len(r.queue) > 0 && len(r.running) < global.RebootWindow {
		m := r.queue[0]
		r.queue = r.queue[1:]
		if m.ctx.Err() != nil { // its asker is gone: nobody wants this machine rebooted any more
			continue
		}
		driver, limit := r.drivers[m.node.Power], global.RebootCommandTimeout
		op := r.tasks.Start(ctx, "power "+m.node.Name, func(task context.Context) any {
			return perform(task, driver, m, limit)
		})
		r.running[op] = m
	}
}

func (r *reboot) done(ctx actor.Context, m supervisor.TaskDone) {
	request, ok := r.running[m.Op]
	if !ok {
		return
	}
	delete(r.running, m.Op)
	result, ok := m.Value.(powerResult)
	if !ok {
		result = powerResult{err: fmt.Errorf("power driver of %s: %w", request.node.Name, m.Panic)}
	}
	for _, note := range result.notes {
		r.log.Warn("power command failed", "node", request.node.Name, "problem", note)
	}
	request.reply <- result
	r.next(ctx)
}

// perform runs the command of the level asked for, then those of the harder levels as long as they fail (Kadeploy3 1.5).
func perform(ctx context.Context, driver power.Driver, m powerRequest, limit time.Duration) powerResult {
	if driver == nil {
		return powerResult{err: fmt.Errorf("node %s: no power driver %q", m.node.Name, m.node.Power)}
	}
	var notes []string
	for _, level := range power.Escalate(m.level) {
		err := attempt(ctx, driver, m, level, limit)
		if err == nil {
			return powerResult{level: level, notes: notes}
		}
		if m.ctx.Err() != nil || ctx.Err() != nil {
			return powerResult{notes: notes, err: context.Cause(m.ctx)}
		}
		notes = append(notes, fmt.Sprintf("%s %s: %v", m.op, level, err))
	}
	return powerResult{notes: notes, err: errors.New(notes[len(notes)-1])}
}

func attempt(ctx context.Context, driver power.Driver, m powerRequest, level power.Level, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)() // the asker's end is the command's end
	_, err := driver.Do(ctx, target(m.node), m.op, level)
	return err
}

func target(n *config.Node) power.Target {
	return power.Target{Name: n.Name, Short: n.ShortName(), Addr: n.Addr, Commands: n.Commands}
}
