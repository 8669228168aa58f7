package actors

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// broadcasting is what the deployment knows of a broadcast under way.
type broadcasting struct {
	waiting map[string]member // those it has not spoken of yet
	passed  bool              // the core was told that the next one may start
}

// broadcast spawns the actor of one transfer to the nodes that the core named. When all of them have failed since, it is over at once.
func (d *deploy) broadcast(ctx actor.Context, a workflow.Broadcast) {
	d.rounds++
	d.look()
	d.tellCounts()
	id := fmt.Sprintf("chain!%d", d.rounds) // no host can be called so
	b := &broadcasting{waiting: make(map[string]member)}
	d.chains[id] = b
	var members []member
	for _, host := range a.Hosts {
		if m, ok := d.arrived[host]; ok && d.Incarnation(host) == m.inc {
			members = append(members, m)
			b.waiting[host] = m
		}
		delete(d.arrived, host)
	}
	if len(members) == 0 {
		d.chainGone(ctx, id)
		return
	}
	job := d.job
	if _, err := d.Start(ctx, id, func(int) actor.Actor { return &chainActor{id: id, job: job, members: members} }); err != nil {
		d.log.Error("cannot start the broadcast", "operation", d.job.id, "error", err)
		d.chainGone(ctx, id)
	}
}

// errChainGone is what a member hears when the broadcast's actor ended before it spoke of it.
var errChainGone = errors.New("the broadcast was ended by an internal error; see the server's log")

// chainGone is called once the broadcast's actor has ended, well or not: whoever it did not speak of has failed.
func (d *deploy) chainGone(ctx actor.Context, id string) {
	for host, m := range d.chains[id].waiting {
		d.outcome(ctx, chainOutcome{id, host, m.inc, errChainGone, 0})
	}
	d.chainPassed(ctx, id)
	delete(d.chains, id)
}

// chainPassed lets the next broadcast start, once for each: nodes that came late do not wait for the stragglers of this one.
func (d *deploy) chainPassed(ctx actor.Context, id string) {
	if b := d.chains[id]; b != nil && !b.passed {
		b.passed = true
		if d.end == nil {
			d.handle(ctx, workflow.ChainEnded{})
		}
	}
}

func (d *deploy) chainStarted(ctx actor.Context, m chainStarted) {
	b := d.chains[m.chain]
	if b == nil {
		return
	}
	for host, member := range b.waiting {
		if pid := d.PID(host); pid != nil && d.Incarnation(host) == member.inc {
			ctx.Send(pid, m)
		}
	}
	for i, host := range m.order {
		v := d.views[host]
		v.chain, v.transfer = m.chain, &message.NodeTransfer{Position: uint32(i + 1)}
	}
	d.record(&message.Event{Fact: &message.Event_Chain{Chain: &message.ChainChanged{Order: m.order}}})
}

// outcome hands a member what the chain says of it.
func (d *deploy) outcome(ctx actor.Context, m chainOutcome) {
	if b := d.chains[m.chain]; b != nil {
		delete(b.waiting, m.host)
	}
	if v := d.views[m.host]; v.chain == m.chain {
		v.unrestored = m.unrestored
	}
	if pid := d.PID(m.host); pid != nil && d.Incarnation(m.host) == m.inc {
		ctx.Send(pid, m)
	}
}

// progressStep is how finely the bytes a node received are told, as a fraction of the image.
const progressStep = 20

// grown says whether so many bytes now are worth an event, after those that were told last.
func grown(told, now, size int64) bool {
	return now > told && now <= size && (now == size || now >= told+max(size/progressStep, 1))
}

// progressed tells of a node's bytes when they have grown by a step. What agents report in between is merged before it is numbered,
// so that a node costs at most so many events, whatever its agent says.
func (d *deploy) progressed(m chainProgress) {
	v := d.views[m.host]
	if v == nil || d.end != nil || !grown(v.bytes, m.bytes, d.job.image.Size) {
		return
	}
	v.bytes = m.bytes
	d.record(progressEvent(m.host, v, m.bytes))
}
