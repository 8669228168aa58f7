package actors

import (
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/probe"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

// StepError is the only value a node's actor panics with: its state failed, and what happens next is its supervisor's
// decision. Any other panic is a bug of ours.
type StepError struct {
	Micro    workflow.Micro
	Kind     workflow.Kind
	Cause    string // one line
	Evidence string // last lines of what the node said
}

// Expected marks it as a failure by plan, for the supervisor.
func (e *StepError) Expected() {}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %s", e.Micro, e.Cause) }

// node walks one host through the states of an attempt. Being started has no effect on the machine: the actor tells its
// deployment that it is ready and does what runAttempt says, so that a stopped or restarted actor never acts by itself.
type node struct {
	incarnation
	job      *job
	tasks    supervisor.Tasks
	deploy   *actor.PID
	received chan error    // what the chain says of this host, once
	started  chan struct{} // closed when the chain starts with this host
	heard    chan string   // what the deployed system says that its image is
}

func (n *node) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		n.deploy = ctx.Parent()
		ctx.Send(n.deploy, nodeReady{n.incarnation})
	case *actor.Stopping, *actor.Restarting:
		n.tasks.CancelAll()
	case runAttempt:
		if m.inc == n.inc {
			n.walk(ctx, m)
		}
	case chainStarted:
		if n.started != nil {
			close(n.started)
			n.started = nil
		}
	case chainOutcome:
		select {
		case n.received <- m.err:
		default: // it said so already
		}
	case systemSaid:
		select {
		case n.heard <- m.digest:
		default: // it said so already, or is told with the next attempt
		}
	case supervisor.TaskDone:
		if n.tasks.Accept(m) {
			n.done(ctx, m)
		}
	}
}

func (n *node) walk(ctx actor.Context, m runAttempt) {
	attempt := m.attempt
	n.received, n.started, n.heard = make(chan error, 1), make(chan struct{}), make(chan string, 1)
	w := &walker{
		job: n.job, target: n.job.nodes[n.host], attempt: attempt,
		system: ctx.ActorSystem(), deploy: n.deploy, incarnation: n.incarnation,
		received: n.received, started: n.started, heard: n.heard, root: m.root, call: m.call, said: m.said,
	}
	if n.inc == 1 && attempt.From > 0 { // it goes on waiting for a boot that a server before this one has ordered
		w.boot = n.job.booting(n.host)
	}
	n.tasks.Start(ctx, string(attempt.Macro), func(ctx context.Context) any { return w.run(ctx) })
}

func (n *node) done(ctx actor.Context, m supervisor.TaskDone) {
	if m.Panic != nil {
		panic(m.Panic)
	}
	if failed, ok := m.Value.(*StepError); ok && failed != nil {
		panic(failed)
	}
	ctx.Send(n.deploy, nodeFinished{n.incarnation})
}

// walker runs the micro-steps of one attempt in a task of the node's actor. It speaks to actors by messages only.
type walker struct {
	incarnation
	job      *job
	target   *hostJob
	attempt  workflow.Attempt
	system   *actor.ActorSystem
	deploy   *actor.PID
	received <-chan error
	started  <-chan struct{}
	heard    <-chan string
	before   *probe.System       // the system that a reboot is to end; nil when none answered
	kexeced  bool                // the new system is started by its own kernel, without the firmware
	boot     *agentlink.Expected // of the deployment system, once its profile is written
	token    string              // of that boot
	root     string              // what a kernel calls the deployed partition; "": as the configuration does
	call     []byte              // digest of the token that the system on its disk is to call with; nil: it is not to call
	said     string              // sha256 of its image, by the deployed system's own word; "": it has not called
	kept     *agentpb.Kept       // the order to receive the image that its agent has kept, or has failed to carry out; nil: none, or it is of no use
}

var errTimeout = errors.New("timeout")

// run walks the micro-steps in order. The attempt's clock stands still while the node waits for the others before the
// chain, or for the database: their lateness is not its fault.
func (w *walker) run(parent context.Context) *StepError {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	clock := newClock(w.attempt.Timeout, func() { cancel(errTimeout) })
	defer clock.stop()
	defer func() { w.before.Release() }()
	for i := w.attempt.From; i < len(w.attempt.Steps); i++ {
		step := w.attempt.Steps[i]
		if ctx.Err() != nil { // told to stop between two steps: it acts no more
			return w.failure(ctx, step.Micro, context.Cause(ctx))
		}
		err := w.enter(ctx, step, clock)
		if err == nil {
			err = w.step(ctx, step, clock)
		}
		if err != nil {
			return w.failure(ctx, step.Micro, err)
		}
		if step.Micro == workflow.AwaitAgent && w.kept != nil {
			i = w.attempt.Resumes() - 1
		}
	}
	return nil
}

func (w *walker) tell(m any) { w.system.Root.Send(w.deploy, m) }

// failure names what went wrong in the words of the workflow.
func (w *walker) failure(ctx context.Context, micro workflow.Micro, err error) *StepError {
	e := &StepError{Micro: micro, Kind: workflow.KindRetry, Cause: err.Error()}
	var said *orderError
	var fatal *fatalError
	switch {
	case errors.Is(err, agentlink.ErrAway): // also when the try's time is over: an agent that obeys no abort may be one that is not reached
		e.Kind = workflow.KindAway
	case errors.Is(err, agentlink.ErrLost):
		e.Kind = workflow.KindLost
	case errors.Is(context.Cause(ctx), errTimeout):
		e.Kind = workflow.KindTimeout
		e.Cause = fmt.Sprintf("not done in %s, the time of one try", w.attempt.Timeout)
		if !errors.Is(err, context.Canceled) {
			e.Cause += ": " + err.Error()
		}
	case errors.As(err, &fatal):
		e.Kind = workflow.KindFatal
	}
	if errors.As(err, &said) {
		e.Evidence = said.log
	}
	if e.Evidence == "" {
		e.Evidence = w.job.evidence(w.host)
	}
	return e
}

// fatalError is a failure that no second try can mend.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }
