package actors

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

// deploy is the actor of one request, and the supervisor of its nodes: its restart strategy is the request's policy. It
// decides nothing itself. Events go to the workflow's pure core, whose actions it carries out; a node that fails is a
// process that crashed, and the core says what becomes of it.
type deploy struct {
	*supervisor.Crew
	job     *job
	prepare func(context.Context, *job, func(string)) error
	log     *slog.Logger
	started time.Time
	until   time.Time // it is over by then, when it was looked at last; zero: no limit is known
	looked  time.Time

	core    *workflow.Deployment
	tasks   supervisor.Tasks
	timers  supervisor.Timers
	arrived map[string]member        // stand before the chain
	chains  map[string]*broadcasting // by their names in the crew
	rounds  int                      // broadcasts started
	views   map[string]*view
	pending []workflow.Action // decided where no context was at hand
	end     *workflow.End     // set once: the rest is stopping
	stopped bool
	system  *actor.ActorSystem
	self    *actor.PID
}

// applyPending makes the actor carry out what was decided in a failure's handler.
type applyPending struct{}

// wake is the time the core asked for.
type wake struct{}

// prepareNote is a line for people while the request is prepared.
type prepareNote struct{ text string }

func newDeploy(j *job, prepare func(context.Context, *job, func(string)) error, log *slog.Logger) *deploy {
	d := &deploy{job: j, prepare: prepare, log: log, arrived: make(map[string]member), chains: make(map[string]*broadcasting), views: make(map[string]*view)}
	d.Crew = supervisor.NewCrew(supervisor.CrewConfig{
		Name: j.id, Policy: (*deployPolicy)(d), Log: log, OnEnded: d.memberEnded, OnEmpty: d.finish,
	})
	return d
}

func (d *deploy) Receive(ctx actor.Context) {
	if _, stopping := ctx.Message().(*actor.Stopping); stopping {
		d.stop()
	}
	if d.Crew.Receive(ctx) {
		return
	}
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.begin(ctx)
	case supervisor.TaskDone:
		if d.tasks.Accept(m) {
			d.prepared(ctx, m)
		}
	case supervisor.Elapsed:
		if _, ok := d.timers.Accept(m); ok {
			d.handle(ctx, workflow.Wake{})
		}
	case applyPending:
		actions := d.pending
		d.pending = nil
		d.apply(ctx, actions)
	case cancelOperation:
		d.cancel(ctx, m.cause)
	case prepareNote:
		d.record(noteEvent(m.text))
	default:
		d.fromNodes(ctx, m)
	}
}

// stop makes the actor mute: the ends of its nodes that follow are not theirs. If it crashed its aftermath answers.
func (d *deploy) stop() {
	d.stopped = true
	d.tasks.CancelAll()
	d.timers.StopAll()
}

// begin tells the world of the request and prepares it: nothing of a machine is touched before the image is known to be good.
func (d *deploy) begin(ctx actor.Context) {
	d.system, d.self, d.started = ctx.ActorSystem(), ctx.Self(), time.Now()
	for _, host := range d.job.order {
		d.views[host] = &view{}
	}
	supervisor.Ready(ctx)
	if p := d.job.past; p == nil || !p.started {
		d.record(startedEvent(d.job))
	}
	if d.job.past != nil {
		d.resume(d.job.past)
	}
	tell := func(text string) { d.system.Root.Send(d.self, prepareNote{text}) }
	d.tasks.Start(ctx, "prepare", func(ctx context.Context) any { return d.prepare(ctx, d.job, tell) })
}

func (d *deploy) prepared(ctx actor.Context, m supervisor.TaskDone) {
	err, _ := m.Value.(error)
	if m.Panic != nil {
		err = m.Panic
	}
	if d.end != nil { // cancelled
		return
	}
	if err == nil {
		err = d.sameAsBefore()
	}
	if err != nil {
		d.unprepared(ctx, err)
		return
	}
	d.record(imageEvent(d.job))
	for _, f := range d.job.fetched {
		if f.place > 0 { // the image is told
			d.record(fetchedEvent(f))
		}
	}
	if d.core == nil {
		d.core = workflow.New(d.job.workflowConfig())
	}
	d.look()
	d.tellCounts()
	defer d.handle(ctx, workflow.Wake{}) // of an operation that is resumed all may be settled
	for _, host := range d.job.order {
		if d.core.Phase(host).Settled() {
			continue
		}
		if _, err := d.Start(ctx, host, d.newNode(host)); err != nil {
			d.handle(ctx, workflow.Failed{Host: host, Kind: workflow.KindBug, Cause: err.Error()})
		}
	}
}

// cancel ends the request in whatever state it is.
func (d *deploy) cancel(ctx actor.Context, cause string) {
	if d.core == nil {
		d.tasks.CancelAll()
		d.conclude(message.Outcome_ABORTED, "cancelled: "+cause)
		return
	}
	d.handle(ctx, workflow.Cancel{Cause: cause})
}

func (d *deploy) handle(ctx actor.Context, e workflow.Event) {
	if d.core != nil && !d.stopped {
		d.apply(ctx, d.core.Handle(time.Now(), e))
	}
}

// apply carries out the core's actions in their order.
func (d *deploy) apply(ctx actor.Context, actions []workflow.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case workflow.Run:
			d.run(ctx, a)
		case workflow.Broadcast:
			d.broadcast(ctx, a)
		case workflow.WakeAt:
			d.timers.After(ctx, time.Until(a.At), wake{})
		case workflow.Settled:
			d.settled(ctx, a)
		case workflow.End:
			d.end = &a
			d.CutRest(ctx)
			if d.Alive() == 0 {
				d.finish(ctx)
			}
		}
	}
}

func (d *deploy) run(ctx actor.Context, a workflow.Run) {
	v := d.views[a.Host]
	v.attempt = a.Attempt
	if a.Attempt.Macro == workflow.BroadcastEnv { // what lay on the disk is written over
		v.call, v.said = nil, ""
	}
	if pid := d.PID(a.Host); pid != nil {
		ctx.Send(pid, runAttempt{d.Incarnation(a.Host), a.Attempt, v.root, v.call, v.said})
	}
}

func (d *deploy) settled(ctx actor.Context, a workflow.Settled) {
	d.record(settledEvent(a, d.views[a.Host]))
	d.look()
	d.tellCounts()
	if a.Phase == workflow.PhaseOK || a.Phase == workflow.PhaseKO { // those are stopped all at once, after they are marked
		d.Stop(ctx, a.Host)
	}
}

func (d *deploy) tellCounts() {
	ok, ko, _ := d.core.Counts()
	d.system.Root.Send(local(d.system, deploymentsName), operationCounts{d.job.id, ok, ko, d.until})
}

// boundAgain is how soon it is looked again until when the operation lasts at the latest: that asks all nodes, and what was said stays true.
const boundAgain = 10 * time.Second

// look sees until when the operation lasts at the latest, once its nodes walk.
func (d *deploy) look() {
	now := time.Now()
	if now.Sub(d.looked) < boundAgain {
		return
	}
	d.looked, d.until = now, time.Time{}
	if left, limited := d.core.Left(now); limited {
		d.until = now.Add(left)
	}
}
