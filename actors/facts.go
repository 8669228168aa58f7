package actors

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// view is what people were last told of a node.
type view struct {
	attempt workflow.Attempt
	micro   workflow.Micro
	bytes   int64
	agent   []byte // digest of its certificate, to be told with the next step
	root    string // what a kernel calls the deployed partition, when its node has said so
	call    []byte // digest of the token that the deployed system is to call with; nil: it is not to call
	said    string // sha256 of its image, by the deployed system's own word

	chain      string                // the last broadcast that it was in
	transfer   *message.NodeTransfer // in that; nil before
	unrestored uint32                // attributes, ACLs and device nodes of the image, then or under a server before this one
}

// record appends a fact to the journal.
func (d *deploy) record(e *message.Event) {
	d.system.Root.Send(local(d.system, journalName), appendFact{id: d.job.id, fact: e})
}

func (d *deploy) entered(m nodeEntered) {
	v := d.views[m.host]
	v.micro, v.bytes = m.micro, 0
	n := v.changed(m.host, message.NodePhase_RUNNING)
	if m.boot != nil {
		n.Boot, n.BootUntil = m.boot.Token[:], timestamppb.New(m.boot.Until)
	}
	n.Agent, v.agent = v.agent, nil
	d.system.Root.Send(local(d.system, journalName), appendFact{id: d.job.id, fact: nodeEvent(n), written: m.written})
}

// rooted keeps what the boot profile of the deployed system says, also for a server that comes after this one.
func (d *deploy) rooted(m nodeRoot) {
	v := d.views[m.host]
	v.root = m.root
	n := v.changed(m.host, message.NodePhase_RUNNING)
	n.Root = m.root
	d.record(nodeEvent(n))
}

func (v *view) changed(host string, phase message.NodePhase) *message.NodeChanged {
	return &message.NodeChanged{
		Node: host, Phase: phase, Macro: string(v.attempt.Macro), Instance: v.attempt.Instance,
		Micro: string(v.micro), Try: uint32(v.attempt.Try), Unrestored: v.unrestored,
	}
}

func nodeEvent(n *message.NodeChanged) *message.Event {
	return &message.Event{Fact: &message.Event_Node{Node: n}}
}

func progressEvent(host string, v *view, bytes int64) *message.Event {
	n := v.changed(host, message.NodePhase_RUNNING)
	n.Bytes = uint64(bytes)
	return nodeEvent(n)
}

func retryEvent(f workflow.Failed, v *view) *message.Event {
	n := v.changed(f.Host, message.NodePhase_RETRYING)
	n.Cause, n.Evidence = line(f.Cause), f.Evidence
	return nodeEvent(n)
}

func settledEvent(s workflow.Settled, v *view) *message.Event {
	if s.Stopped {
		v.micro = s.Micro
	}
	n := v.changed(s.Host, phases[s.Phase])
	n.Cause, n.Evidence = line(s.Cause), s.Evidence
	if s.Stopped {
		n.Cause, n.Stopped = stoppedBefore(s.Macro, s.Instance, s.Micro), true
	}
	return nodeEvent(n)
}

func stoppedBefore(macro workflow.Macro, instance string, micro workflow.Micro) string {
	return fmt.Sprintf("stands at the breakpoint before %s/%s/%s", macro, instance, micro)
}

var phases = map[workflow.Phase]message.NodePhase{
	workflow.PhaseOK: message.NodePhase_OK, workflow.PhaseKO: message.NodePhase_KO,
	workflow.PhaseCut: message.NodePhase_CUT, workflow.PhaseCancelled: message.NodePhase_CANCELLED,
}

// maxCause bounds the one line that says why a node failed.
const maxCause = 400

// line makes one bounded line of a text.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxCause {
		s = strings.ToValidUTF8(s[:maxCause], "") + "…"
	}
	return s
}

func startedEvent(j *job) *message.Event {
	s := &message.Started{Operation: j.request.GetOperation(), User: j.request.GetUser(), MinNodes: uint32(j.minNodes)}
	for _, host := range j.order {
		n := j.nodes[host].node
		s.Nodes = append(s.Nodes, &message.NodeInfo{Name: host, Cluster: n.Cluster, Address: n.Addr.String()})
	}
	if j.env != nil {
		s.Environment = j.envName()
		s.Image = j.shown(j.env.Image.Path)
		s.ImageSize = uint64(j.imageSize)
	}
	return &message.Event{Fact: &message.Event_Started{Started: s}}
}

func (j *job) envName() string {
	if j.env == nil {
		return j.found
	}
	return fmt.Sprintf("%s:%d", j.env.Name, j.env.Version)
}

var outcomes = map[workflow.Outcome]message.Outcome{
	workflow.OutcomeAllOK: message.Outcome_ALL_OK, workflow.OutcomeQuorum: message.Outcome_QUORUM, workflow.OutcomePartial: message.Outcome_PARTIAL,
	workflow.OutcomeFailed: message.Outcome_FAILED, workflow.OutcomeAborted: message.Outcome_ABORTED,
}

// finish runs when every child is gone after the end was decided: only then is the answer given.
func (d *deploy) finish(actor.Context) {
	if d.end != nil && !d.stopped {
		d.conclude(outcomes[d.end.Outcome], d.end.Text)
	}
}

// imageEvent tells what the nodes will get, once it is known to be good.
func imageEvent(j *job) *message.Event {
	if j.image == nil {
		return noteEvent("all nodes are known")
	}
	text := fmt.Sprintf("image %s is whole: sha256 %s", filepath.Base(j.shown(j.image.Path)), j.image.SHA256)
	return &message.Event{Fact: &message.Event_Note{Note: &message.Note{Text: text, ImageDigest: j.image.SHA256}}}
}

// conclude gives the request's one answer and ends the actor.
func (d *deploy) conclude(outcome message.Outcome, text string) {
	ended := &message.Ended{Outcome: outcome, Text: line(text), Took: durationpb.New(time.Since(d.started))}
	if d.core != nil {
		for _, r := range d.core.Report(time.Now()) {
			ended.Nodes = append(ended.Nodes, d.report(r))
		}
	} else {
		for _, host := range d.job.order {
			ended.Nodes = append(ended.Nodes, d.untouched(host, outcome, text))
		}
	}
	d.system.Root.Send(local(d.system, deploymentsName), operationEnded{d.job.id, ended, d.core == nil})
}

func (d *deploy) report(r workflow.HostReport) *message.NodeReport {
	n := &message.NodeReport{
		Name: r.Host, Cluster: d.job.nodes[r.Host].node.Cluster, Phase: phases[r.Phase], Cause: line(r.Cause), Evidence: tail(r.Evidence, maxReport/len(d.job.order)),
	}
	n.Confirmed = r.Phase == workflow.PhaseOK && d.confirmed(r.Host)
	if r.Phase == workflow.PhaseOK {
		n.Cause = cmp.Or(incomplete(d.views[r.Host].unrestored), n.Cause)
	}
	n.Transfer = reported(d.views[r.Host].transfer, len(d.job.order))
	for _, m := range r.Macros {
		n.Macros = append(n.Macros, macroTime(m))
		n.Tries += uint32(max(m.Tries-1, 0))
	}
	n.Tries++
	if v := d.views[r.Host]; (r.Phase != workflow.PhaseOK || r.Stopped) && v.attempt.Macro != "" {
		n.State = fmt.Sprintf("%s/%s/%s", v.attempt.Macro, v.attempt.Instance, v.micro)
	}
	if n.Stopped = r.Stopped; r.Stopped {
		n.Cause = stoppedBefore(r.Macro, r.Instance, r.Micro)
	}
	return n
}

// incomplete says of a node that is OK what it has not of the image; "": nothing.
func incomplete(unrestored uint32) string {
	if unrestored == 0 {
		return ""
	}
	return fmt.Sprintf("attributes, ACLs or device nodes of the image that were not restored: %d", unrestored)
}

// untouched reports a node of a request that ended before any machine was touched.
func (d *deploy) untouched(host string, outcome message.Outcome, text string) *message.NodeReport {
	phase := message.NodePhase_KO
	if outcome == message.Outcome_ABORTED {
		phase = message.NodePhase_CANCELLED
	}
	return &message.NodeReport{Name: host, Cluster: d.job.nodes[host].node.Cluster, Phase: phase, Cause: "not touched: " + line(text)}
}

// maxTail bounds a node's evidence in the final report, and maxReport that of all of them: the report is one message. The
// whole of it was told when it happened.
const (
	maxTail   = 1 << 10
	maxReport = 1 << 20
)

func tail(s string, share int) string {
	if limit := min(maxTail, share); len(s) > limit {
		s = strings.ToValidUTF8(s[len(s)-limit:], "")
	}
	return s
}
