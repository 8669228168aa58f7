package actors

import (
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// chronicle makes of an operation's events what statistics are made of: the tries of each node, and its end.
type chronicle struct {
	clusters map[string]string
	tries    map[string]*store.Step // under way, by node
}

func newChronicle() *chronicle {
	return &chronicle{clusters: make(map[string]string), tries: make(map[string]*store.Step)}
}

// see takes the next event.
func (c *chronicle) see(e *message.Event) (steps []store.Step, results []store.Result) {
	switch {
	case e.GetStarted() != nil:
		for _, n := range e.GetStarted().GetNodes() {
			c.clusters[n.GetName()] = n.GetCluster()
		}
	case e.GetNode() != nil:
		steps = c.moved(e, e.GetNode())
	case e.GetEnded() != nil:
		for _, n := range e.GetEnded().GetNodes() {
			results = append(results, store.Result{
				Operation: e.GetId(), Node: n.GetName(), Cluster: n.GetCluster(), Phase: phaseNames[n.GetPhase()],
				State: n.GetState(), Cause: n.GetCause(), Tries: int(n.GetTries()), At: e.GetTime().AsTime(),
			})
		}
	}
	return steps, results
}

// phaseNames are what phases are called where people count them.
var phaseNames = map[message.NodePhase]string{
	message.NodePhase_WAITING: "waiting", message.NodePhase_RUNNING: "running", message.NodePhase_RETRYING: "retrying",
	message.NodePhase_OK: store.PhaseOK, message.NodePhase_KO: store.PhaseKO, message.NodePhase_CUT: "cut", message.NodePhase_CANCELLED: "cancelled",
}

// moved follows one node. A try that ended well is seen by what comes after it.
func (c *chronicle) moved(e *message.Event, n *message.NodeChanged) (steps []store.Step) {
	end := func(outcome, cause string) {
		t := c.tries[n.GetNode()]
		if t == nil {
			return
		}
		delete(c.tries, n.GetNode())
		t.Took, t.Outcome, t.Cause = max(e.GetTime().AsTime().Sub(t.At), time.Duration(0)), outcome, cause
		if outcome == store.StepOK {
			t.Micro = ""
		}
		steps = append(steps, *t)
	}
	switch n.GetPhase() {
	case message.NodePhase_RUNNING:
		if t := c.tries[n.GetNode()]; t != nil && (t.Macro != n.GetMacro() || t.Instance != n.GetInstance() || t.Try != int(n.GetTry())) {
			end(store.StepOK, "")
		}
		if c.tries[n.GetNode()] == nil {
			c.tries[n.GetNode()] = &store.Step{
				Operation: e.GetId(), Node: n.GetNode(), Cluster: c.clusters[n.GetNode()], Macro: n.GetMacro(), Instance: n.GetInstance(),
				Try: int(n.GetTry()), At: e.GetTime().AsTime(),
			}
		}
		c.tries[n.GetNode()].Micro = n.GetMicro()
	case message.NodePhase_OK:
		end(store.StepOK, "")
	case message.NodePhase_KO, message.NodePhase_RETRYING:
		end(store.StepFailed, n.GetCause())
	case message.NodePhase_CUT, message.NodePhase_CANCELLED:
		end(store.StepCut, "")
	}
	return steps
}
