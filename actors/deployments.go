package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/imagecache"
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
	started    time.Time
	stopping   bool            // no request is accepted any more
	drained    chan<- struct{} // who waits for the end of all
}

// answerKey is a request: its user, and the id that his client made. Another's id is another request.
type answerKey struct{ user, clientID string }

func keyOf(r *message.Submit) answerKey { return answerKey{r.GetUser(), r.GetClientId()} }

type pendingSubmit struct {
	request *message.Submit
	sender  *actor.PID
	orphan  string // why its user is none any more
}

// operation is a request that was accepted.
type operation struct {
	job    *job
	since  time.Time
	ok, ko int
	ended  *message.Ended
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
}

func newDeployments(cfg Config, inForce *snapshot, nodes *nodeStates, uplink *rate.Limiter, from sources, envs *shelf, l *ledger, log *slog.Logger) *deployments {
	return &deployments{
		Supervisor: supervisor.New(supervisor.Config{Name: deploymentsName, Intensity: 20, Period: time.Minute, Log: log}),
		cfg:        cfg, inForce: inForce, nodes: nodes, uplink: uplink, sources: from, shelf: envs, ledger: l, log: log, started: time.Now(),
		checking: make(map[uint64]pendingSubmit), operations: make(map[string]*operation), answers: make(map[answerKey]proto.Message),
	}
}

func (d *deployments) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.nodes.interrupt()
		d.sources.holds.dropAll()
		ctx.Send(local(ctx.ActorSystem(), journalName), endOrphans{"the server lost this operation by an internal error"})
	case *actor.Stopping, *actor.Restarting:
		d.tasks.CancelAll()
	case asked:
		d.request(ctx, m)
	case endOperations:
		d.revoke(ctx, m)
	case supervisor.TaskDone:
		if d.tasks.Accept(m) {
			d.checked(ctx, m)
		}
	case cancelAll:
		d.drained, d.stopping = m.reply, true
		for _, o := range d.operations {
			d.stop(ctx, o, "the server is stopping")
		}
		d.tellDrained()
	case operationCounts:
		if o := d.operations[m.id]; o != nil {
			o.ok, o.ko = m.ok, m.ko
		}
	case operationEnded:
		d.end(ctx, m)
	case journalStarted: // an end that it has is not taken twice
		for _, o := range d.operations {
			if o.ended != nil {
				d.tellEnd(ctx, o)
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
	}
}

// check plans a request in a task, because descriptions and archives are read from disks that may be slow.
func (d *deployments) check(ctx actor.Context, m *message.Submit) {
	if answer := d.answers[keyOf(m)]; answer != nil {
		ctx.Respond(answer)
		return
	}
	for _, p := range d.checking {
		if keyOf(p.request) == keyOf(m) {
			return // it is being looked at
		}
	}
	s, cfg, uplink := d.inForce.Load(), d.cfg, d.uplink
	if no := d.forbidden(s, m); no != nil { // before files are looked at: who has no right learns nothing of them
		ctx.Respond(no)
		return
	}
	entry, may, err := d.named(m)
	if err != nil {
		ctx.Respond(answered(m.GetClientId())(nil, err))
		return
	}
	op := d.tasks.Start(ctx, "check", func(context.Context) any {
		j, err := plan(s, m, entry, may)
		if err != nil {
			return err
		}
		j.console, j.uplink = cfg.Console, uplink
		return j
	})
	d.checking[op] = pendingSubmit{request: m, sender: ctx.Sender()}
}

func (d *deployments) checked(ctx actor.Context, m supervisor.TaskDone) {
	p := d.checking[m.Op]
	delete(d.checking, m.Op)
	var answer proto.Message = &message.Refused{Code: message.Refusal_FORBIDDEN, Text: line(p.orphan), ClientId: p.request.GetClientId()}
	if p.orphan == "" {
		answer = d.decide(ctx, p.request, m)
	}
	if j, planned := m.Value.(*job); planned && d.operations[j.id] == nil {
		d.sources.holds.drop(j.id)
	}
	if !p.request.GetDryRun() { // asking again is harmless, and the answer is long
		d.remember(keyOf(p.request), answer)
	}
	if p.sender != nil {
		ctx.Send(p.sender, answer)
	}
}

// decide turns the result of a check into the answer, and an accepted request into its actor.
func (d *deployments) decide(ctx actor.Context, r *message.Submit, m supervisor.TaskDone) proto.Message {
	refused := func(code message.Refusal, text string) *message.Refused {
		return &message.Refused{Code: code, Text: line(text), ClientId: r.GetClientId()}
	}
	if m.Panic != nil {
		d.log.Error("bug while a request was checked", "reason", m.Panic, "stack", string(m.Panic.Stack))
		return refused(message.Refusal_UNAVAILABLE, "internal error: see the server's log")
	}
	if err, failed := m.Value.(error); failed {
		no := refused(message.Refusal_INVALID, err.Error())
		var needs *needsFilesError
		if errors.As(err, &needs) {
			no.Code, no.Files = message.Refusal_NEEDS_FILES, needs.files
		}
		return no
	}
	j := m.Value.(*job)
	// Again, in one step with the start: from then on losses are told.
	if err := d.ledger.check(r.GetUser(), j.needed()); err != nil {
		return refused(message.Refusal_FORBIDDEN, err.Error())
	}
	if d.stopping {
		return refused(message.Refusal_UNAVAILABLE, "the server is stopping")
	}
	if busy := d.nodes.holders(j.order); len(busy) > 0 {
		no := refused(message.Refusal_BUSY, busyText(busy))
		no.Busy = busy[:min(len(busy), maxHolders)]
		return no
	}
	if stale(r) {
		return refused(message.Refusal_STALE, "the request was checked for longer than its deadline; send it again")
	}
	if r.GetDryRun() {
		return &message.Checked{Lines: j.describe(), ClientId: r.GetClientId()}
	}
	if err := d.launch(ctx, j); err != nil {
		return refused(message.Refusal_UNAVAILABLE, err.Error())
	}
	return &message.Accepted{Id: j.id, ClientId: r.GetClientId()}
}

// maxHolders bounds the holders that a refusal names.
const maxHolders = 100

func (d *deployments) launch(ctx actor.Context, j *job) error {
	prepare := preparer(d.sources)
	spec := supervisor.Spec{ID: j.id, Restart: supervisor.Transient, NoAck: true, New: func(inc int) actor.Actor {
		if inc > 1 { // the first one crashed: disk work is never run again blindly
			return &aftermath{job: j}
		}
		return newDeploy(j, prepare, d.log)
	}}
	if _, err := d.StartChild(ctx, spec); err != nil {
		return err
	}
	ctx.Send(local(ctx.ActorSystem(), journalName), openLog{j.id, j.request.GetUser()})
	d.operations[j.id] = &operation{job: j, since: time.Now()}
	d.order = append(d.order, j.id)
	d.nodes.take(j)
	d.log.Info("operation accepted", "id", j.id, "user", j.request.GetUser(), "nodes", len(j.order))
	return nil
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
	ctx.Send(local(ctx.ActorSystem(), agentsName), forgetAgents{o.job.order}) // before the next operation expects them
	d.nodes.release(o.job, m)
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
	ctx.Send(local(ctx.ActorSystem(), journalName), appendFact{o.job.id, &message.Event{Fact: &message.Event_Ended{Ended: o.ended}}})
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

// remember keeps the answer to a client's request for its repetitions, the newest 1000 of them.
func (d *deployments) remember(key answerKey, answer proto.Message) {
	d.answers[key] = answer
	d.asked = append(d.asked, key)
	if len(d.asked) > 1000 {
		delete(d.answers, d.asked[0])
		d.asked = d.asked[1:]
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
			Text: line(fmt.Sprintf("the server knows no operation %q (see kadeploy status)", m.GetId()))}
	}
	return s
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

func busyText(busy []*message.Holder) string {
	h := busy[0]
	text := fmt.Sprintf("%s is held by %s of %s since %s", h.GetNode(), h.GetOperation(), h.GetUser(), h.GetSince().AsTime().Local().Format(time.DateTime))
	if more := len(busy) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more nodes)", more)
	}
	return text + "; wait for it or cancel it"
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

// describe says what a request would do, for a dry run.
func (j *job) describe() []string {
	if j.env == nil {
		return []string{fmt.Sprintf("reboot %d nodes, level %s", len(j.order), j.request.GetRebootLevel())}
	}
	lines := []string{fmt.Sprintf("deploy %s on %d nodes from %s (%d bytes)", j.envName(), len(j.order), j.shown(j.env.Image.Path), j.imageSize)}
	if image := j.env.Image.Path; slices.Contains(j.missing, image) || isURL(image) {
		lines[0] = fmt.Sprintf("deploy %s on %d nodes from %s", j.envName(), len(j.order), j.shown(image))
	}
	for _, file := range j.fetched() {
		lines = append(lines, imagecache.Shown(file)+": is fetched first, unless it is in the image cache")
	}
	for _, file := range j.missing {
		lines = append(lines, file+": is uploaded first: it is not below the image_roots of the site")
	}
	for _, host := range j.order {
		h := j.nodes[host]
		for _, m := range h.plan.Macros {
			var instances []string
			for _, i := range m.Instances {
				instances = append(instances, fmt.Sprintf("%s (%d tries of %s)", i.Name, i.Tries, i.Timeout))
			}
			lines = append(lines, fmt.Sprintf("%s: %s %s", host, m.Macro, strings.Join(instances, ", then ")))
		}
		lines = append(lines, fmt.Sprintf("%s: destroys what is on %s", host, destroys(h.node, j.request)))
	}
	return lines
}

func destroys(n *config.Node, r *message.Submit) string {
	if r.GetNoPartitioning() {
		return n.DeployDevice()
	}
	return n.BlockDevice
}
