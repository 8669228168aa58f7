package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// broadcast spawns the actor of one transfer to the nodes that the core named.
func (d *deploy) broadcast(ctx actor.Context, a workflow.Broadcast) {
	d.members = nil
	for _, host := range a.Hosts {
		if m, ok := d.arrived[host]; ok && d.Incarnation(host) == m.inc {
			d.members = append(d.members, m)
		}
		delete(d.arrived, host)
	}
	job, members := d.job, d.members
	if _, err := d.Start(ctx, chainID, func(int) actor.Actor { return &chainActor{job: job, members: members} }); err != nil {
		d.log.Error("cannot start the broadcast", "operation", d.job.id, "error", err)
		d.chainGone(ctx)
	}
}

// errChainGone is what a member hears when the broadcast's actor ended before it spoke of it.
var errChainGone = errors.New("the broadcast was ended by an internal error; see the server's log")

// chainGone is called once the broadcast's actor has ended, well or not: whoever it did not speak of has failed.
func (d *deploy) chainGone(ctx actor.Context) {
	for _, m := range d.members {
		d.outcome(ctx, chainOutcome{m.host, m.inc, errChainGone})
	}
	d.members = nil
	if d.end == nil {
		d.handle(ctx, workflow.ChainEnded{})
	}
}

func (d *deploy) chainStarted(ctx actor.Context, m chainStarted) {
	for _, member := range d.members {
		if pid := d.PID(member.host); pid != nil && d.Incarnation(member.host) == member.inc {
			ctx.Send(pid, m)
		}
	}
	d.record(&message.Event{Fact: &message.Event_Chain{Chain: &message.ChainChanged{Order: m.order}}})
}

// outcome hands a member what the chain says of it.
func (d *deploy) outcome(ctx actor.Context, m chainOutcome) {
	if pid := d.PID(m.host); pid != nil && d.Incarnation(m.host) == m.inc {
		ctx.Send(pid, m)
	}
}

// progressStep is how finely the bytes a node received are told, as a fraction of the image.
const progressStep = 20

// progressed tells of a node's bytes when they have grown by a step, so that a node costs at most so many events.
func (d *deploy) progressed(m chainProgress) {
	v := d.views[m.host]
	size := d.job.image.Size
	if v == nil || d.end != nil || m.bytes < v.bytes+max(size/progressStep, 1) && m.bytes != size {
		return
	}
	v.bytes = m.bytes
	d.record(progressEvent(m.host, v, m.bytes))
}
