package actors

import (
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// chronicle makes of an operation's events what statistics are made of: the tries of each node, and its end.
type chronicle struct {
	clusters map[string]string
	nodes    map[string]*account
	last     time.Time // of the event before
}

func newChronicle() *chronicle {
	return &chronicle{clusters: make(map[string]string), nodes: make(map[string]*account)}
}

// see takes the next event. Tries that are under way at the end of an operation were cut when it was last heard of: it does not go on after a
// stop of the server.
func (c *chronicle) see(e *message.Event) (steps []store.Step, results []store.Result) {
	defer func() { c.last = e.GetTime().AsTime() }()
	switch {
	case e.GetStarted() != nil:
		for _, n := range e.GetStarted().GetNodes() {
			c.clusters[n.GetName()] = n.GetCluster()
		}
	case e.GetNode() != nil:
		steps = c.moved(e, e.GetNode())
	case e.GetEnded() != nil:
		for _, n := range e.GetEnded().GetNodes() {
			if a := c.nodes[n.GetName()]; a != nil {
				steps = append(steps, a.settle(c.last, store.StepCut, "")...)
			}
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
func (c *chronicle) moved(e *message.Event, n *message.NodeChanged) []store.Step {
	a, at := c.nodes[n.GetNode()], e.GetTime().AsTime()
	if a == nil {
		a = &account{}
		c.nodes[n.GetNode()] = a
	}
	switch n.GetPhase() {
	case message.NodePhase_RUNNING:
		if n.GetSaid() != "" { // by the deployed system, whatever the node is doing
			return nil
		}
		var ended []store.Step
		if a.try != nil && !a.try.is(n) {
			ended = a.end(at, store.StepOK, "")
		}
		if a.try == nil && !a.goOn(at, n) {
			a.try = &try{since: at, Step: store.Step{
				Operation: e.GetId(), Node: n.GetNode(), Cluster: c.clusters[n.GetNode()], Macro: n.GetMacro(), Instance: n.GetInstance(),
				Try: int(n.GetTry()), At: at,
			}}
		}
		a.try.Micro = n.GetMicro()
		return ended
	case message.NodePhase_RETRYING:
		switch {
		case n.GetInterrupted() != nil:
			a.interrupt(n.GetInterrupted().AsTime())
			return nil
		case a.waitsForAgent(n): // in vain: it boots, and comes back
			a.interrupt(at)
			return nil
		}
		return a.end(at, store.StepFailed, n.GetCause())
	case message.NodePhase_OK:
		return a.settle(at, store.StepOK, "")
	case message.NodePhase_KO:
		return a.settle(at, store.StepFailed, n.GetCause())
	case message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return a.settle(at, store.StepCut, "")
	}
	return nil
}
