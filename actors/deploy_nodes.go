package actors

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

func (d *deploy) newNode(host string) func(int) actor.Actor {
	job := d.job
	return func(inc int) actor.Actor { return &node{incarnation: incarnation{host, inc}, job: job} }
}

// fromNodes takes what nodes and the chain say. The words of an earlier incarnation are dropped.
func (d *deploy) fromNodes(ctx actor.Context, m any) {
	switch m := m.(type) {
	case nodeReady:
		if d.current(m.incarnation) {
			d.handle(ctx, workflow.Ready{Host: m.host})
		}
	case nodeEntered:
		if d.current(m.incarnation) {
			d.entered(m)
			if !m.again {
				d.handle(ctx, workflow.Entered{Host: m.host, Micro: m.micro})
			}
		}
	case nodeJoined:
		if d.current(m.incarnation) {
			d.views[m.host].agent = m.certificate[:]
		}
	case nodeArrived:
		if d.current(m.incarnation) {
			d.arrived[m.host] = member{m.incarnation, d.job.nodes[m.host].node, m.session, m.try, m.keep, m.kept}
			d.handle(ctx, workflow.Arrived{Host: m.host, Transfer: transferOf(m.kept)})
		}
	case nodePassed:
		if d.current(m.incarnation) {
			d.handle(ctx, workflow.Passed{Host: m.host})
		}
	case nodeRoot:
		if d.current(m.incarnation) {
			d.rooted(m)
		}
	case nodeCalls:
		if d.current(m.incarnation) {
			d.calls(m)
		}
	case systemCalled:
		d.called(ctx, m)
	case nodeFinished:
		if d.current(m.incarnation) {
			d.handle(ctx, workflow.Finished{Host: m.host})
		}
	case chainStarted:
		d.chainStarted(ctx, m)
	case chainProgress:
		d.progressed(m)
	case chainSkip:
		d.skipped(m)
	case chainTransfer:
		d.transferred(m)
	case chainNote:
		d.record(&message.Event{Fact: &message.Event_Chain{Chain: &message.ChainChanged{Text: m.text}}})
	case chainOutcome:
		d.outcome(ctx, m)
	case chainPassed:
		d.chainPassed(ctx, m.chain)
	case chainEnded:
		d.Stop(ctx, m.chain)
	}
}

func (d *deploy) current(i incarnation) bool { return d.end == nil && d.Incarnation(i.host) == i.inc }

// memberEnded sees to it that no end goes unnoticed: a node whose actor vanished is KO, and a chain that crashed has failed
// for each of its members.
func (d *deploy) memberEnded(ctx actor.Context, e supervisor.End) {
	switch {
	case d.chains[e.ID] != nil:
		d.chainGone(ctx, e.ID)
	case d.end == nil && !d.stopped && !d.core.Phase(e.ID).Settled():
		d.handle(ctx, workflow.Failed{Host: e.ID, Kind: workflow.KindBug, Cause: "its actor ended unexpectedly; see the server's log"})
	}
}

// deployPolicy is what the crew asks: the request's own retries and its minnodes.
type deployPolicy deploy

// Failed decides about a node that crashed. A typed failure is the node's; anything else is a bug of ours, and costs that
// node only. What else the core decides waits for the actor's own turn.
func (p *deployPolicy) Failed(f supervisor.Failure) (v supervisor.Verdict) {
	d := (*deploy)(p)
	if d.chains[f.ID] != nil || d.end != nil {
		return supervisor.Verdict{}
	}
	failed := d.failure(f)
	for _, a := range d.core.Handle(time.Now(), failed) {
		if retry, ok := a.(workflow.Retry); ok && retry.Host == f.ID {
			v = supervisor.Verdict{Again: true, Delay: retry.Delay}
			d.record(retryEvent(failed, d.views[f.ID]))
			continue
		}
		d.pending = append(d.pending, a)
	}
	if len(d.pending) > 0 {
		d.system.Root.Send(d.self, applyPending{})
	}
	return v
}

func (d *deploy) failure(f supervisor.Failure) workflow.Failed {
	if err, ok := f.Reason.(error); ok {
		var step *StepError
		if errors.As(err, &step) {
			return workflow.Failed{Host: f.ID, Micro: step.Micro, Kind: step.Kind, Cause: step.Cause, Evidence: step.Evidence}
		}
	}
	d.log.Error("bug in the actor of a node", "operation", d.job.id, "node", f.ID, "reason", f.Reason, "stack", string(f.Stack))
	return workflow.Failed{Host: f.ID, Kind: workflow.KindBug, Cause: "internal error: see the server's log"}
}

// Standing lets the crew go on: the cut is one of the core's actions, carried out in its place among them.
func (p *deployPolicy) Standing() supervisor.Standing { return supervisor.Continue }
