package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// maxResumes is how often an operation is taken up again: one that the server does not survive so often may be the reason for that.
const maxResumes = 3

// findings are the operations that servers before this one have left without an end, until deployments has taken them up. They outlive
// its incarnations: each operation is taken up once.
type findings struct {
	memory *Memory
	taken  bool
}

// recallAnswers makes a request that was sent to a server before this one known, for a client that sends it again.
func (d *deployments) recallAnswers() {
	if d.findings.memory == nil {
		return
	}
	all := d.findings.memory.answers // newest first
	for i := len(all) - 1; i >= 0; i-- {
		o := all[i]
		d.remember(answerKey{o.User, o.ClientID}, &message.Accepted{Id: o.ID, ClientId: o.ClientID})
	}
}

// recall takes up what was found, and returns the ids. The nodes are held before any other request is looked at.
func (d *deployments) recall(ctx actor.Context) map[string]bool {
	if d.findings.taken || d.findings.memory == nil {
		d.sources.holds.dropAll() // of the incarnation before this one
		return nil
	}
	d.findings.taken = true
	ids := make(map[string]bool)
	for _, f := range d.findings.memory.found {
		ids[f.ID] = true
		past := f.past
		past.booting(time.Now())
		o := &operation{since: f.Since, job: &job{
			id: f.ID, request: f.request, order: f.request.GetNodes(), minNodes: f.MinNodes, found: f.Environment, past: past, resumed: f.Resumed + 1}}
		o.ok, o.ko = past.counts()
		d.operations[f.ID] = o
		d.order = append(d.order, f.ID)
		d.nodes.take(o.job, o.since)
		switch {
		case f.Restored:
			d.abandon(ctx, o, "it was under way when the backup was made that the database was restored from")
		case d.cfg.NoResume:
			d.abandon(ctx, o, "it was started with --no-resume")
		case f.Resumed >= maxResumes:
			d.abandon(ctx, o, fmt.Sprintf("the server was stopped %d times in the middle of it", f.Resumed+1))
		default:
			d.replan(ctx, o)
		}
	}
	return ids
}

// replan makes the job again, under the configuration of today.
func (d *deployments) replan(ctx actor.Context, o *operation) {
	s, cfg, uplink, was := d.inForce.Load(), d.cfg, d.uplink, o.job
	entry, may, err := d.named(was.request)
	if err != nil {
		d.abandon(ctx, o, err.Error())
		return
	}
	op := d.tasks.Start(ctx, "resume", func(context.Context) any {
		j, err := plan(s, was.request, entry, may, was.id)
		if err != nil {
			return err
		}
		j.console, j.uplink, j.entrance, j.past, j.resumed, j.recorded = cfg.Console, uplink, cfg.Entrance, was.past, was.resumed, true
		return j
	})
	d.resuming[op] = o
}

// planned puts down that an operation goes on, or ends it.
func (d *deployments) planned(ctx actor.Context, o *operation, m supervisor.TaskDone) {
	j, ok := m.Value.(*job)
	switch err, _ := m.Value.(error); {
	case m.Panic != nil:
		d.log.Error("bug while an operation was resumed", "id", o.job.id, "reason", m.Panic, "stack", string(m.Panic.Stack))
		d.abandon(ctx, o, "internal error: see the server's log")
	case err != nil:
		d.abandon(ctx, o, err.Error())
	case !ok:
		d.abandon(ctx, o, "internal error: it has no plan")
	case o.cancelled != "":
		d.abandon(ctx, o, "cancelled: "+o.cancelled)
	default:
		if err := d.ledger.check(j.request.GetUser(), j.needed()); err != nil {
			d.abandon(ctx, o, err.Error())
			return
		}
		o.job, o.opening = j, &pendingSubmit{request: j.request}
		d.putDown(ctx, o)
	}
}

// abandon ends an operation that does not go on.
func (d *deployments) abandon(ctx actor.Context, o *operation, why string) {
	d.log.Warn("operation not resumed", "id", o.job.id, "why", why)
	d.end(ctx, operationEnded{id: o.job.id, ended: o.job.past.abandoned(o.job.order, why)})
}
