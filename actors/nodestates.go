package actors

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
)

// nodeStates is what is known of every node between requests: who holds it, and what the last one left on it. It belongs to
// the tree and is touched by the deployments actor only.
type nodeStates struct{ known map[string]*nodeState }

type nodeState struct {
	state       string
	operation   string
	user        string
	environment string // deployed there, "" when unknown
	since       time.Time
	held        bool
	before      *nodeState // while it is held: what it was, for a request that never touched it
}

func newNodeStates() *nodeStates { return &nodeStates{known: make(map[string]*nodeState)} }

// holders returns who holds any of the nodes.
func (s *nodeStates) holders(nodes []string) []*message.Holder {
	var busy []*message.Holder
	for _, name := range nodes {
		if n := s.known[name]; n != nil && n.held {
			busy = append(busy, &message.Holder{Node: name, Operation: n.operation, User: n.user, Since: timestamppb.New(n.since)})
		}
	}
	return busy
}

// take gives the nodes of a job to it. The names of the states are those of Kadeploy3 (1.10).
func (s *nodeStates) take(j *job) {
	state := "deploying"
	if j.env == nil {
		state = "rebooting"
	}
	for _, name := range j.order {
		n := s.known[name]
		if n == nil {
			n = &nodeState{state: "free"}
			s.known[name] = n
		}
		was := *n
		n.before = &was
		n.state, n.operation, n.user, n.since, n.held = state, j.id, j.request.GetUser(), time.Now(), true
		if j.env != nil { // from now on nobody can promise what is on its disk
			n.environment = ""
		}
	}
}

// release frees the nodes of a job with the state it left them in.
func (s *nodeStates) release(j *job, end operationEnded) {
	ok, ko := "deployed", "deploy_failed"
	if j.env == nil {
		ok, ko = "rebooted", "reboot_failed"
	}
	for _, report := range end.ended.GetNodes() {
		n := s.known[report.GetName()]
		if n == nil || n.operation != j.id {
			continue
		}
		if end.untouched {
			s.known[report.GetName()] = n.before
			continue
		}
		n.held, n.since, n.before = false, time.Now(), nil
		switch report.GetPhase() {
		case message.NodePhase_OK:
			n.state = ok
			if j.env != nil {
				n.environment = j.envName()
			}
		case message.NodePhase_CUT, message.NodePhase_CANCELLED:
			n.state = "aborted"
		default:
			n.state = ko
		}
	}
}

// interrupt marks the nodes of operations whose actors died with the actor that owned them.
func (s *nodeStates) interrupt() {
	for _, n := range s.known {
		if n.held {
			n.held, n.state, n.since = false, "aborted", time.Now()
		}
	}
}

func (s *nodeStates) list(clientID string, snapshot *config.Snapshot) *message.Nodes {
	all := &message.Nodes{ClientId: clientID}
	for _, c := range snapshot.Nodes {
		status := &message.NodeStatus{Name: c.Name, Cluster: c.Cluster, Address: c.Addr.String(), State: "free"}
		if n := s.known[c.Name]; n != nil {
			status.State, status.Operation, status.User = n.state, n.operation, n.user
			status.Environment, status.Since = n.environment, timestamppb.New(n.since)
		}
		all.Nodes = append(all.Nodes, status)
	}
	return all
}
