package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/supervisor"
)

// answerKey is a request: its user, and the id that his client made. Another's id is another request.
type answerKey struct{ user, clientID string }

func keyOf(r *message.Submit) answerKey { return answerKey{r.GetUser(), r.GetClientId()} }

type pendingSubmit struct {
	request *message.Submit
	sender  *actor.PID
	orphan  string // why its user is none any more
}

// maxChecking bounds the requests of one user that are read at a time.
const maxChecking = 32

// check plans a request in a task, because descriptions and archives are read from disks that may be slow.
func (d *deployments) check(ctx actor.Context, m *message.Submit) {
	if answer := d.answers[keyOf(m)]; answer != nil {
		ctx.Respond(answer)
		return
	}
	for _, o := range d.operations {
		if o.opening != nil && keyOf(o.opening.request) == keyOf(m) {
			return // it is being put down
		}
	}
	mine := 0
	for _, p := range d.checking {
		if keyOf(p.request) == keyOf(m) {
			return // it is being looked at
		}
		if p.request.GetUser() == m.GetUser() {
			mine++
		}
	}
	if mine >= maxChecking { // an answer for now: it is not remembered
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, fmt.Sprintf("%d requests of yours are being read; ask again when they are answered", mine))
		return
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
		j, err := plan(s, m, entry, may, "")
		if err != nil {
			return err
		}
		j.console, j.uplink, j.entrance, j.recorded = cfg.Console, uplink, cfg.Entrance, cfg.Memory != nil
		return j
	})
	d.checking[op] = pendingSubmit{request: m, sender: ctx.Sender()}
}

func (d *deployments) checked(ctx actor.Context, m supervisor.TaskDone) {
	p := d.checking[m.Op]
	delete(d.checking, m.Op)
	var answer proto.Message = &message.Refused{Code: message.Refusal_FORBIDDEN, Text: line(p.orphan), ClientId: p.request.GetClientId()}
	if p.orphan == "" {
		answer = d.decide(ctx, p, m)
	}
	if answer == nil { // it comes when the request is put down
		return
	}
	if j, planned := m.Value.(*job); planned && d.operations[j.id] == nil {
		d.sources.holds.drop(j.id)
	}
	d.answer(ctx, p, answer)
}

// answer gives a client his answer, and keeps it for when he asks again.
func (d *deployments) answer(ctx actor.Context, p pendingSubmit, answer proto.Message) {
	if !p.request.GetDryRun() { // asking again is harmless, and the answer is long
		d.remember(keyOf(p.request), answer)
	}
	if p.sender != nil {
		ctx.Send(p.sender, answer)
	}
}

// decide turns the result of a check into the answer, or has the operation put down before it is answered: nil.
func (d *deployments) decide(ctx actor.Context, p pendingSubmit, m supervisor.TaskDone) proto.Message {
	r := p.request
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
	if r.GetForce() && (j.deploys() || j.reboots() || !d.ledger.admin(r.GetUser())) {
		return refused(message.Refusal_FORBIDDEN, "only power is switched by force, and by admins only")
	}
	if busy := d.nodes.holders(j.order); len(busy) > 0 && !r.GetForce() {
		no := refused(message.Refusal_BUSY, busyText(busy))
		no.Busy = busy[:min(len(busy), maxHolders)]
		return no
	}
	if stale(r) {
		return refused(message.Refusal_STALE, "the request was checked for longer than its deadline; send it again")
	}
	if r.GetDryRun() {
		would := &message.Checked{Lines: j.describe(), Disks: d.nodes.diskPlans(j, d.inForce.Load()), ClientId: r.GetClientId()}
		if proto.Size(would) > maxChecked {
			return refused(message.Refusal_INVALID, fmt.Sprintf("what %d nodes would do does not fit into one answer; ask for fewer at a time", len(j.order)))
		}
		return would
	}
	d.open(ctx, j, p)
	return nil
}

// maxChecked bounds the answer to a dry run, in bytes: the link takes messages of up to 4 MiB.
const maxChecked = 3 << 20

// maxHolders bounds the holders that a refusal names.
const maxHolders = 100

// maxAnswers bounds the answers that are kept for who asks again.
const maxAnswers = 1000

// remember keeps the answer to a client's request for its repetitions, the newest of them.
func (d *deployments) remember(key answerKey, answer proto.Message) {
	d.answers[key] = answer
	d.asked = append(d.asked, key)
	if len(d.asked) > maxAnswers {
		delete(d.answers, d.asked[0])
		d.asked = d.asked[1:]
	}
}

func busyText(busy []*message.Holder) string {
	h := busy[0]
	text := fmt.Sprintf("%s is held by %s of %s since %s", h.GetNode(), h.GetOperation(), h.GetUser(), h.GetSince().AsTime().Local().Format(time.DateTime))
	if until := h.GetUntil(); until != nil {
		text += fmt.Sprintf(", until %s at the latest", until.AsTime().Local().Format(time.DateTime))
	} else {
		text += ", no limit"
	}
	if more := len(busy) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more nodes)", more)
	}
	return text + "; wait for it or cancel it"
}

// describe says what a request would do, for a dry run.
func (j *job) describe() []string {
	if !j.deploys() {
		return []string{fmt.Sprintf("%s %d nodes, level %s", kindOf(j.request.GetOperation()), len(j.order), j.request.GetRebootLevel())}
	}
	lines := []string{fmt.Sprintf("deploy %s on %d nodes from %s (%d bytes)", j.envName(), len(j.order), j.shown(j.env.Image.Path), j.imageSize)}
	if image := j.env.Image.Path; slices.Contains(j.missing, image) || isURL(image) {
		lines[0] = fmt.Sprintf("deploy %s on %d nodes from %s", j.envName(), len(j.order), j.shown(image))
	}
	for _, file := range j.urls() {
		lines = append(lines, imagecache.Shown(file)+": is fetched first, unless it is in the image cache")
	}
	for _, file := range j.missing {
		lines = append(lines, file+": is uploaded first: it is not below the image_roots of the site")
	}
	if n := j.unverified(); n > 0 {
		lines = append(lines, fmt.Sprintf("verify_image does nothing for a tar image: its files are not read back (nodes that ask for it: %d)", n))
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
		for _, s := range h.plan.Skipped {
			lines = append(lines, fmt.Sprintf("%s: %s%s is skipped: it %s", host, s.Macro, s.Name, s.Reason))
		}
	}
	return lines
}

// unverified counts the nodes whose verify_image is in vain.
func (j *job) unverified() (nodes int) {
	for _, host := range j.order {
		if j.nodes[host].node.VerifyImage && j.env.Image.Kind == "tar" {
			nodes++
		}
	}
	return nodes
}
