package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// resume puts the deployment where a server before this one has left it, and tells the world.
func (d *deploy) resume(p *past) {
	d.started = p.since
	d.core = workflow.New(d.job.workflowConfig())
	d.record(noteEvent(fmt.Sprintf("the server was stopped, last heard of at %s; the operation goes on", p.last.Local().Format(time.DateTime))))
	for _, host := range d.job.order {
		w := p.nodes[host]
		if w == nil || w.Macro == "" {
			continue
		}
		v := d.views[host]
		v.root, v.call, v.said, v.unrestored = p.roots[host], p.calls[host], p.said[host], p.unrestored[host]
		v.attempt.Macro, v.attempt.Instance, v.attempt.Try, v.micro = w.Macro, w.Instance, max(w.At(w.Macro).Try, 1), w.Micro
		if !w.Phase.Settled() {
			n := v.changed(host, message.NodePhase_RETRYING)
			n.Cause, n.Interrupted = "interrupted: the server was stopped", timestamppb.New(p.last)
			d.record(nodeEvent(n))
		}
	}
	d.tellCounts()
}

// sameAsBefore refuses another image than the nodes that are OK have got.
func (d *deploy) sameAsBefore() error {
	p := d.job.past
	if p == nil || p.digest == "" || d.job.image == nil || d.job.image.SHA256 == p.digest {
		return nil
	}
	return fmt.Errorf("interrupted: the server was stopped, and the image %s is another one since: its sha256 was %s and is %s",
		d.job.shown(d.job.image.Path), p.digest, d.job.image.SHA256)
}

// unprepared ends a request whose image is not good. When it is resumed, machines have been touched, and some may be OK.
func (d *deploy) unprepared(ctx actor.Context, err error) {
	if d.core == nil {
		d.conclude(message.Outcome_FAILED, err.Error())
		return
	}
	for _, host := range d.job.order {
		if !d.core.Phase(host).Settled() {
			d.handle(ctx, workflow.Failed{Host: host, Kind: workflow.KindFatal, Cause: err.Error()})
		}
	}
	d.handle(ctx, workflow.Wake{})
}

func noteEvent(text string) *message.Event {
	return &message.Event{Fact: &message.Event_Note{Note: &message.Note{Text: text}}}
}
