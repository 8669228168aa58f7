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

// sameAsBefore refuses another image, pre- or post-install than the nodes that are OK have got.
func (d *deploy) sameAsBefore() error {
	if img := d.job.image; img != nil {
		if err := d.job.past.same(fetchedFile{what: "image", shown: d.job.shown(img.Path), digest: img.SHA256}); err != nil {
			return err
		}
	}
	for _, f := range d.job.fetched {
		if err := d.job.past.same(f); err != nil {
			return err
		}
	}
	return nil
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
