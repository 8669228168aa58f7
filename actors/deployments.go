package actors

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// deployments decides which requests run: it holds the nodes' leases and supervises one actor per request. Granting a lease
// and starting the actor that holds it are one step of one goroutine, so a node is never held twice.
type deployments struct {
	*supervisor.Supervisor
	cfg        Config
	inForce    *snapshot
	nodes      *nodeStates
	uplink     *rate.Limiter
	sources    sources
	shelf      *shelf
	ledger     *ledger
	log        *slog.Logger
	tasks      supervisor.Tasks
	checking   map[uint64]pendingSubmit
	operations map[string]*operation
	order      []string                    // ids, oldest first
	answers    map[answerKey]proto.Message // a repeated request is answered as the first time
	asked      []answerKey                 // oldest first
	findings   *findings                   // of servers before this one
	resuming   map[uint64]*operation       // planned again, by task
	started    time.Time
	stopping   bool            // no request is accepted any more
	drained    chan<- struct{} // who waits for the end of all
}

func newDeployments(cfg Config, inForce *snapshot, nodes *nodeStates, uplink *rate.Limiter, from sources, envs *shelf, l *ledger, found *findings, log *slog.Logger) *deployments {
	d := &deployments{
		Supervisor: supervisor.New(supervisor.Config{Name: deploymentsName, Intensity: 20, Period: time.Minute, Log: log}),
		cfg:        cfg, inForce: inForce, nodes: nodes, uplink: uplink, sources: from, shelf: envs, ledger: l, log: log, started: time.Now(),
		checking: make(map[uint64]pendingSubmit), operations: make(map[string]*operation), answers: make(map[answerKey]proto.Message),
		findings: found, resuming: make(map[uint64]*operation),
	}
	d.recallAnswers()
	return d
}

func (d *deployments) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		left := d.nodes.interrupt()
		if nodes := namesOf(left); len(nodes) > 0 {
			ctx.Send(local(ctx.ActorSystem(), agentsName), forgetAgents{nodes})
			ctx.Send(local(ctx.ActorSystem(), netbootName), forgetCalls{nodes})
		}
		ctx.Send(local(ctx.ActorSystem(), journalName), endOrphans{"the server lost this operation by an internal error", d.recall(ctx), left})
	case *actor.Stopping, *actor.Restarting:
		d.tasks.CancelAll()
	case asked:
		d.request(ctx, m)
	case endOperations:
		d.revoke(ctx, m)
	case supervisor.TaskDone:
		switch o := d.resuming[m.Op]; {
		case !d.tasks.Accept(m):
		case o != nil:
			delete(d.resuming, m.Op)
			d.planned(ctx, o, m)
		default:
			d.checked(ctx, m)
		}
	case logOpened:
		d.opened(ctx, m)
	case cancelAll:
		d.drained, d.stopping = m.reply, true
		for _, o := range d.operations {
			d.stop(ctx, o, "the server is stopping")
		}
		d.tellDrained()
	case operationCounts:
		if o := d.operations[m.id]; o != nil {
			o.ok, o.ko = m.ok, m.ko
			d.nodes.last(m.id, m.until)
		}
	case operationEnded:
		d.end(ctx, m)
	case disksSeen:
		d.seen(ctx, m)
	case journalStarted: // an end that it has is not taken twice
		for _, o := range d.operations {
			switch {
			case o.ended != nil:
				d.tellEnd(ctx, o)
			case o.opening != nil && o.job.nodes != nil:
				d.putDown(ctx, o)
			}
		}
	}
	d.Supervisor.Receive(ctx)
}

// request takes what clients ask, from the api.
func (d *deployments) request(ctx actor.Context, m asked) {
	switch r := m.request.(type) {
	case *message.Submit:
		d.check(ctx, r)
	case *message.Cancel:
		d.cancel(ctx, m.by, r)
	case *message.StatusRequest:
		ctx.Respond(d.status(m.by, r))
	case *message.NodesRequest:
		ctx.Respond(d.nodes.list(r.GetClientId(), d.inForce.Load()))
	case *message.DisksRequest:
		ctx.Respond(d.nodes.disksOf(r, d.inForce.Load()))
	}
}

// status shows an operation, or all that are the caller's to see.
func (d *deployments) status(by string, m *message.StatusRequest) proto.Message {
	s := &message.Status{ClientId: m.GetClientId(), Version: d.cfg.Version, Started: timestamppb.New(d.started), ConfigDir: d.inForce.Load().Dir}
	for _, id := range d.order {
		if m.GetId() != "" && m.GetId() != id {
			continue
		}
		o := d.operations[id]
		switch owner := o.job.request.GetUser(); {
		case d.ledger.owns(by, owner):
			s.Operations = append(s.Operations, o.status())
		case m.GetId() != "":
			return &message.Refused{Code: message.Refusal_FORBIDDEN, ClientId: m.GetClientId(), Text: notYours(id, owner)}
		}
	}
	if m.GetId() != "" && len(s.Operations) == 0 {
		return &message.Refused{Code: message.Refusal_UNKNOWN_ID, ClientId: m.GetClientId(),
			Text: line(fmt.Sprintf("the server knows no operation %q (see kadeploy status; what ended long ago is in kadeploy history)", m.GetId()))}
	}
	return s
}
