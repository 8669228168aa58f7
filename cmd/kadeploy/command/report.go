package command

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// report is the end of an operation as written with --output json. The names are a promise to scripts.
type report struct {
	ID        string       `json:"id"`
	Operation string       `json:"operation"` // deploy, reboot
	Outcome   string       `json:"outcome"`   // all_ok, quorum, partial, failed, aborted, unknown
	ExitCode  int          `json:"exit_code"`
	Text      string       `json:"text"`
	MinNodes  int          `json:"min_nodes"` // 0: every node
	Seconds   float64      `json:"seconds"`
	Nodes     []nodeReport `json:"nodes"`

	interrupted bool
}

// nodeReport is the end of one node.
type nodeReport struct {
	Name      string             `json:"name"`
	Cluster   string             `json:"cluster"`
	Phase     string             `json:"phase"`               // ok, ko, cut, cancelled; waiting, running, retrying when the end is not known
	Tries     uint32             `json:"tries"`               // 1, and 1 more for each time a macro-step had to be tried again; 0 when the end is not known
	State     string             `json:"state"`               // where it stopped
	Stopped   bool               `json:"stopped,omitempty"`   // OK, and at the breakpoint before state: it has no new system
	Confirmed bool               `json:"confirmed,omitempty"` // OK, and the new system itself has said that it is the image
	Cause     string             `json:"cause"`
	Evidence  []string           `json:"evidence,omitempty"` // last lines of what the node said
	Seconds   map[string]float64 `json:"seconds"`            // macro-step -> time in it, all its instances
	Transfer  *transferReport    `json:"transfer,omitempty"` // how the image came to it, if one was sent

	macros []string // keys of Seconds, in order
}

const outcomeUnknown = "unknown"

// newReport takes the server's final word; without one, what the events had said.
func newReport(f *follower, ended *message.Ended) *report {
	b := &f.board
	rep := &report{ID: f.id, Operation: strings.ToLower(b.Operation.String()), Outcome: outcomeUnknown,
		MinNodes: b.MinNodes, Nodes: []nodeReport{}, interrupted: f.interrupted}
	seen := make(map[string]bool)
	if ended != nil {
		rep.Outcome, rep.Text = strings.ToLower(ended.GetOutcome().String()), wording.Clean(ended.GetText())
		rep.Seconds = ended.GetTook().AsDuration().Seconds()
		for _, n := range ended.GetNodes() {
			rep.Nodes = append(rep.Nodes, nodeEnded(n))
			seen[n.GetName()] = true
		}
	}
	for _, row := range b.Rows() {
		if !seen[row.Name] {
			rep.Nodes = append(rep.Nodes, nodeSeen(row))
			seen[row.Name] = true
		}
	}
	for _, name := range f.asked { // of which nothing was ever heard
		if !seen[name] {
			rep.Nodes = append(rep.Nodes, nodeSeen(terminal.Row{Name: name}))
		}
	}
	return rep
}

func nodeEnded(n *message.NodeReport) nodeReport {
	out := nodeReport{
		Name: wording.Clean(n.GetName()), Cluster: wording.Clean(n.GetCluster()), Phase: phase(n.GetPhase()), Tries: n.GetTries(),
		State: wording.Clean(n.GetState()), Stopped: n.GetStopped(), Confirmed: n.GetConfirmed(), Cause: wording.Clean(n.GetCause()), Evidence: lines(n.GetEvidence()), Seconds: map[string]float64{},
	}
	if t := n.GetTransfer(); t != nil {
		out.Transfer = newTransfer(t)
	}
	for _, m := range n.GetMacros() {
		name := wording.Clean(m.GetMacro())
		if _, again := out.Seconds[name]; !again {
			out.macros = append(out.macros, name)
		}
		out.Seconds[name] += m.GetTook().AsDuration().Seconds()
	}
	return out
}

func nodeSeen(r terminal.Row) nodeReport {
	state := strings.Trim(strings.Join([]string{r.Macro, r.Instance, r.Micro}, "/"), "/")
	return nodeReport{Name: r.Name, Cluster: r.Cluster, Phase: phase(r.Phase), State: state, Cause: r.Cause,
		Evidence: lines(r.Evidence), Seconds: map[string]float64{}}
}

func phase(p message.NodePhase) string { return strings.ToLower(p.String()) }

// split gives the nodes that are OK and every other.
func (rep *report) split() (ok, ko []string) {
	for _, n := range rep.Nodes {
		if n.Phase == phase(message.NodePhase_OK) {
			ok = append(ok, n.Name)
		} else {
			ko = append(ko, n.Name)
		}
	}
	return ok, ko
}

// exitCode is the meaning of an end for scripts.
func exitCode(f *follower, end ending) int {
	switch {
	case f.interrupted:
		return exitInterrupted
	case end.ended == nil:
		code, _ := classify(end.err)
		return code
	}
	switch end.ended.GetOutcome() {
	case message.Outcome_ALL_OK, message.Outcome_QUORUM:
		return exitOK
	case message.Outcome_PARTIAL:
		return exitPartial
	}
	return exitFailed
}

const maxEvidence = 10 // lines

// lines are the last lines of a node's words, clean.
func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = wording.Clean(l); l != "" {
			out = append(out, l)
		}
	}
	return out[max(0, len(out)-maxEvidence):]
}

func (r *runner) writeJSON(v any) error {
	enc := json.NewEncoder(r.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
