package actors

import (
	"cmp"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// account is how far one node is in its tries.
type account struct {
	try         *try   // under way; nil: none is
	interrupted []*try // by stops of the server: the node may come back to them, on the way to where it was
}

// try is one that has not ended.
type try struct {
	store.Step
	since time.Time // when the node came to it, or back to it; Took is the time before
}

// is says whether a node stands in this very try.
func (t *try) is(n *message.NodeChanged) bool {
	return t.Macro == n.GetMacro() && t.Instance == n.GetInstance() && t.Try == int(n.GetTry())
}

// pause stops the clock of a try.
func (t *try) pause(at time.Time) { t.Took += max(at.Sub(t.since), 0) }

// interrupt sets the try under way aside, when the server was last heard of.
func (a *account) interrupt(at time.Time) {
	if a.try != nil {
		a.try.pause(at)
		a.try.Outcome = store.StepResumed // if it comes to a good end
		a.interrupted, a.try = append(a.interrupted, a.try), nil
	}
}

// waitsForAgent says whether the node has waited for its agent since the server was stopped: that is no failure of its own.
func (a *account) waitsForAgent(n *message.NodeChanged) bool {
	return a.try != nil && a.try.Outcome == store.StepResumed && workflow.Micro(n.GetMicro()) == workflow.AwaitAgent
}

// goOn takes up the try that a node is in, if it was interrupted.
func (a *account) goOn(at time.Time, n *message.NodeChanged) bool {
	for i, t := range a.interrupted {
		if t.is(n) {
			t.since = at
			a.interrupted, a.try = append(a.interrupted[:i], a.interrupted[i+1:]...), t
			return true
		}
	}
	return false
}

// end is that of the try under way, if one is.
func (a *account) end(at time.Time, outcome, cause string) []store.Step {
	t := a.try
	if t == nil {
		return nil
	}
	a.try = nil
	t.pause(at)
	if outcome == store.StepOK {
		t.Micro, outcome = "", cmp.Or(t.Outcome, outcome)
	}
	t.Outcome, t.Cause = outcome, cause
	return []store.Step{t.Step}
}

// settle ends the tries of a node that is settled. Those that it did not come back to were ended by the stop of the server.
func (a *account) settle(at time.Time, outcome, cause string) []store.Step {
	steps := a.end(at, outcome, cause)
	for _, t := range a.interrupted {
		t.Outcome = store.StepCut
		steps = append(steps, t.Step)
	}
	a.interrupted = nil
	return steps
}
