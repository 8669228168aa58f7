package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// reboot owns the reboot window: so many power commands under way at once, over all operations. A token comes back the
// moment its command ends, and the next request starts at once; Kadeploy3 waited for whole batches and slept between them.
// A request whose controller or circuit is busy lets others pass.
type reboot struct {
	drivers map[string]power.Driver
	inForce *snapshot // has the window and the limit of one command
	ledger  *ledger
	log     *slog.Logger
	tasks   supervisor.Tasks
	running map[uint64]powerRequest
	window  powerWindow
	queue   []powerRequest

	timers    supervisor.Timers
	gathering map[gatherKey]*gathering

	looking map[uint64]inquiry // tasks that ask for states
}

func newReboot(inForce *snapshot, drivers map[string]power.Driver, l *ledger, log *slog.Logger) *reboot {
	return &reboot{
		drivers: drivers, inForce: inForce, ledger: l, log: log, window: newPowerWindow(),
		running: make(map[uint64]powerRequest), looking: make(map[uint64]inquiry),
		gathering: make(map[gatherKey]*gathering),
	}
}

func (r *reboot) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		r.tasks.CancelAll()
		r.timers.StopAll()
	case powerRequest:
		r.enqueue(ctx, m)
	case supervisor.Elapsed:
		if key, ok := r.timers.Accept(m); ok {
			r.ungathered(ctx, key.(gatherKey))
		}
	case asked:
		if question, ok := m.request.(*message.PowerRequest); ok {
			r.look(ctx, m.by, question)
		}
	case supervisor.TaskDone:
		if r.tasks.Accept(m) {
			r.done(ctx, m)
			r.looked(ctx, m)
		}
	}
}

// enqueue starts a request or has it wait. Those that wait longer wait for what is still under way.
func (r *reboot) enqueue(ctx actor.Context, m powerRequest) {
	if !r.start(ctx, m) {
		r.queue = append(r.queue, m)
	}
}

// next starts what the window allows.
func (r *reboot) next(ctx actor.Context) {
	size := r.inForce.Load().Global.RebootWindow
	queue := r.queue
	r.queue = nil
	var waiting []powerRequest
	for i, m := range queue {
		if r.window.all >= size {
			waiting = append(waiting, queue[i:]...)
			break
		}
		if !r.start(ctx, m) {
			waiting = append(waiting, m)
		}
	}
	r.queue = append(waiting, r.queue...) // a start may have put something there
}

// start says whether a request needs to wait no longer.
func (r *reboot) start(ctx actor.Context, m powerRequest) bool {
	if m.ctx.Err() != nil { // its asker is gone: nobody wants this machine rebooted any more
		r.failGroup(ctx, m.group, context.Cause(m.ctx))
		return true
	}
	global := r.inForce.Load().Global
	if !r.window.admits(m.node, global.RebootWindow) {
		return false
	}
	r.window.enter(m.node)
	system, limit := ctx.ActorSystem(), global.RebootCommandTimeout
	op := r.tasks.Start(ctx, "power "+m.node.Name, func(task context.Context) any {
		if err := m.confirmReign(task, system); err != nil {
			return m.undone(err)
		}
		if m.group != nil {
			return performGroup(task, r.drivers, m, limit)
		}
		return perform(task, r.drivers, m, limit)
	})
	r.running[op] = m
	return true
}

func (r *reboot) done(ctx actor.Context, m supervisor.TaskDone) {
	request, ok := r.running[m.Op]
	if !ok {
		return
	}
	delete(r.running, m.Op)
	r.window.leave(request.node)
	result, ok := m.Value.(powerResult)
	switch {
	case request.group != nil:
		r.groupDone(ctx, request, m)
	case !ok:
		r.answer(request, powerResult{err: fmt.Errorf("power driver of %s: %w", request.node.Name, m.Panic)})
	case result.group != nil:
		request.level, request.notes = result.level, result.notes
		r.gather(ctx, request, result.group)
	default:
		r.answer(request, result)
	}
	r.next(ctx)
}

func (r *reboot) answer(m powerRequest, result powerResult) {
	for _, note := range result.notes {
		r.log.Warn("power command failed", "node", m.node.Name, "problem", note)
	}
	m.reply <- result
}

// perform runs the command of the level asked for, then those of the harder levels as long as they fail (Kadeploy3 1.5), up to
// one that touches other nodes, too: for that they must gather.
func perform(ctx context.Context, drivers map[string]power.Driver, m powerRequest, limit time.Duration) powerResult {
	if drivers[m.node.Power] == nil {
		return powerResult{err: fmt.Errorf("node %s: no power driver %q", m.node.Name, m.node.Power)}
	}
	levels := power.Escalate(m.level)
	if m.op == power.OpStatus {
		levels = []power.Level{""}
	}
	notes := m.notes
	for _, level := range levels {
		group, err := groupOf(m, level)
		if group != nil {
			return powerResult{level: level, notes: notes, group: group}
		}
		status := power.Unknown
		if err == nil {
			status, err = attempt(ctx, drivers, m, level, limit)
		}
		if err == nil {
			return powerResult{level: level, status: status, notes: notes}
		}
		if m.ctx.Err() != nil || ctx.Err() != nil {
			return powerResult{notes: notes, err: context.Cause(m.ctx)}
		}
		notes = append(notes, m.failed(level, err))
	}
	return powerResult{notes: notes, err: errors.New(notes[len(notes)-1])}
}

// undone is the end of a request for which no command was run: for a group an error alone, as that of performGroup.
func (m powerRequest) undone(err error) any {
	if m.group != nil {
		return err
	}
	return powerResult{notes: m.notes, err: err}
}

// failed words a level that did not work.
func (m powerRequest) failed(level power.Level, err error) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s", m.op, level)) + ": " + err.Error()
}

// attempt tries one level. A machine that must boot from the network is told so each time: the last attempt may have used that up.
func attempt(ctx context.Context, drivers map[string]power.Driver, m powerRequest, level power.Level, limit time.Duration) (power.Status, error) {
	if m.op == power.OpOff && level == power.Soft {
		limit = max(limit, m.node.Control.ShutdownTime)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)() // the asker's end is the command's end
	if selector, able := drivers[m.node.Power].(power.BootSelector); able && m.network && m.node.Control.BootOverride {
		if err := selector.BootOnce(ctx, target(m.node)); err != nil {
			return power.Unknown, err
		}
	}
	return drivers[driverOf(m.node, m.op, level)].Do(ctx, target(m.node), m.op, level)
}

// driverOf names the driver of an operation on a node.
func driverOf(n *config.Node, op power.Op, level power.Level) string {
	if n.Control.SoftBySSH && op == power.OpReboot && level == power.Soft {
		return "ssh"
	}
	return n.Power
}

func target(n *config.Node) power.Target {
	return power.Target{
		Name: n.Name, Short: n.ShortName(), Addr: n.Addr, SSHPort: n.SSHPort, UEFI: n.Firmware == "uefi", Commands: n.Commands, Control: n.Control,
	}
}
