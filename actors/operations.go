package actors

import (
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// operation is a request that was accepted.
type operation struct {
	job    *job
	since  time.Time
	ok, ko int
	ended  *message.Ended
	left   []store.NodeState // what its end left on its nodes

	opening   *pendingSubmit // nobody has heard of it: the journal has not put it down yet
	cancelled string         // before its actor was there: why
}

// operationEnded is a deployment's last word.
type operationEnded struct {
	id        string
	ended     *message.Ended
	untouched bool // no machine was
}

// operationCounts are told as the nodes of an operation settle.
type operationCounts struct {
	id     string
	ok, ko int
	until  time.Time // it is over by then; zero: no limit is known
}

// open gives a request its nodes and has it put down. Only when that is durable its actor starts and its user is answered.
func (d *deployments) open(ctx actor.Context, j *job, asker pendingSubmit) {
	o := &operation{job: j, since: time.Now(), opening: &asker}
	d.operations[j.id] = o
	d.order = append(d.order, j.id)
	d.nodes.take(j, o.since)
	d.putDown(ctx, o)
}

// putDown may be said again: an operation is put down once.
func (d *deployments) putDown(ctx actor.Context, o *operation) {
	row, err := o.job.opened(o.since)
	if err != nil {
		panic(err) // it came as such a message
	}
	ctx.Send(local(ctx.ActorSystem(), journalName), openLog{row, o.job.past != nil})
}

// opened starts the actor of an operation that is put down.
func (d *deployments) opened(ctx actor.Context, m logOpened) {
	o := d.operations[m.id]
	if o == nil || o.opening == nil {
		return
	}
	asker := *o.opening
	o.opening = nil
	if m.err != nil {
		d.unopened(ctx, o, asker, m.err)
		return
	}
	d.log.Info("operation accepted", "id", m.id, "user", o.job.request.GetUser(), "nodes", len(o.job.order), "resumed", o.job.resumed)
	d.answer(ctx, asker, &message.Accepted{Id: m.id, ClientId: asker.request.GetClientId()})
	if _, err := d.StartChild(ctx, d.actorOf(o.job)); err != nil {
		d.end(ctx, operationEnded{id: m.id, ended: &message.Ended{Outcome: message.Outcome_FAILED, Text: line(err.Error())}, untouched: true})
		return
	}
	if o.cancelled != "" {
		d.stop(ctx, o, o.cancelled)
	}
}

// unopened refuses a request that could not be put down: nothing was done.
func (d *deployments) unopened(ctx actor.Context, o *operation, asker pendingSubmit, err error) {
	d.nodes.giveBack(o.job)
	d.sources.holds.drop(o.job.id)
	delete(d.operations, o.job.id)
	d.order = slices.DeleteFunc(d.order, func(id string) bool { return id == o.job.id })
	d.answer(ctx, asker, &message.Refused{Code: message.Refusal_UNAVAILABLE, ClientId: asker.request.GetClientId(),
		Text: line("the request could not be written down, and nothing was done: " + err.Error())})
	d.tellDrained()
}

func (d *deployments) actorOf(j *job) supervisor.Spec {
	prepare := preparer(d.sources)
	return supervisor.Spec{ID: j.id, Restart: supervisor.Transient, NoAck: true, New: func(inc int) actor.Actor {
		if inc > 1 { // the first one crashed: disk work is never run again blindly
			return &aftermath{job: j}
		}
		return newDeploy(j, prepare, d.log)
	}}
}

func (d *deployments) cancel(ctx actor.Context, by string, m *message.Cancel) {
	o := d.operations[m.GetId()]
	if o == nil {
		refuse(ctx, m.GetClientId(), message.Refusal_UNKNOWN_ID, fmt.Sprintf("the server knows no operation %q (see kadeploy status)", m.GetId()))
		return
	}
	if owner := o.job.request.GetUser(); !d.ledger.owns(by, owner) {
		refuse(ctx, m.GetClientId(), message.Refusal_FORBIDDEN, notYours(m.GetId(), owner))
		return
	}
	d.stop(ctx, o, "by "+by)
	ctx.Respond(&message.Accepted{Id: m.GetId(), ClientId: m.GetClientId()})
}

func (d *deployments) stop(ctx actor.Context, o *operation, cause string) {
	o.cancelled = cause
	if pid := d.Child(o.job.id); o.ended == nil && pid != nil {
		ctx.Send(pid, cancelOperation{cause})
	}
}

// tellDrained answers who waits for the end of all operations.
func (d *deployments) tellDrained() {
	for _, o := range d.operations {
		if o.ended == nil {
			return
		}
	}
	if d.drained != nil {
		d.drained <- struct{}{}
		d.drained = nil
	}
}

// end frees the nodes before the world hears of the end, so that whoever waited for it may ask for them at once.
func (d *deployments) end(ctx actor.Context, m operationEnded) {
	o := d.operations[m.id]
	if o == nil || o.ended != nil {
		return
	}
	o.ended = m.ended
	o.ok, o.ko = count(m.ended)
	if o.job.deploys() || o.job.reboots() { // before the next operation expects them; power may be another's business
		ctx.Send(local(ctx.ActorSystem(), agentsName), forgetAgents{o.job.order})
		ctx.Send(local(ctx.ActorSystem(), netbootName), forgetCalls{o.job.order})
	}
	o.left = d.nodes.release(o.job, m)
	d.sources.holds.drop(m.id)
	d.log.Info("operation ended", "id", m.id, "outcome", m.ended.GetOutcome().String(), "ok", o.ok, "ko", o.ko, "text", m.ended.GetText())
	d.tellEnd(ctx, o)
	d.StopChild(ctx, m.id)
	d.tellDrained()
	for len(d.order) > remembered && d.operations[d.order[0]].ended != nil {
		delete(d.operations, d.order[0])
		d.order = d.order[1:]
	}
}

func (d *deployments) tellEnd(ctx actor.Context, o *operation) {
	ctx.Send(local(ctx.ActorSystem(), journalName), appendFact{id: o.job.id, fact: &message.Event{Fact: &message.Event_Ended{Ended: o.ended}}, nodes: o.left})
}

func count(e *message.Ended) (ok, ko int) {
	for _, n := range e.GetNodes() {
		switch n.GetPhase() {
		case message.NodePhase_OK:
			ok++
		case message.NodePhase_KO:
			ko++
		}
	}
	return ok, ko
}

func (o *operation) status() *message.OperationStatus {
	s := &message.OperationStatus{
		Id: o.job.id, Operation: o.job.request.GetOperation(), User: o.job.request.GetUser(), Since: timestamppb.New(o.since),
		Running: o.ended == nil, Total: uint32(len(o.job.order)), Ok: uint32(o.ok), Ko: uint32(o.ko),
		MinNodes: uint32(o.job.minNodes), Environment: o.job.envName(),
	}
	if o.ended != nil {
		s.Outcome, s.Text = o.ended.GetOutcome(), o.ended.GetText()
	}
	return s
}

// aftermath stands in for a deployment whose actor crashed by a bug: it gives the answer that the crashed one owes.
type aftermath struct{ job *job }

func (a *aftermath) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); !ok {
		return
	}
	supervisor.Ready(ctx)
	ended := &message.Ended{Outcome: message.Outcome_FAILED, Text: "the operation was ended by an internal error; see the server's log"}
	for _, host := range a.job.order {
		ended.Nodes = append(ended.Nodes, &message.NodeReport{
			Name: host, Cluster: a.job.nodes[host].node.Cluster, Phase: message.NodePhase_KO, Cause: "internal error: its state is not known"})
	}
	ctx.Send(local(ctx.ActorSystem(), deploymentsName), operationEnded{id: a.job.id, ended: ended})
}
