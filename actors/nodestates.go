package actors

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
)

// nodeStates is what is known of every node between requests: who holds it, what the last one left on it, and its disks. It belongs to
// the tree and is touched by the deployments actor only.
type nodeStates struct {
	known  map[string]*nodeState
	leases map[string]*lease             // by operation
	disks  map[string]*message.NodeDisks // as they were seen last
}

type nodeState struct {
	state       string
	operation   string
	user        string
	environment string // deployed there, "" when unknown
	image       string // its sha256, hexadecimal, likewise
	confirmed   bool   // by that system itself
	since       time.Time
	lease       *lease     // of the operation; nil: nobody holds it
	before      *nodeState // while it is held: what it was, for a request that never touched it
}

// lease is the hold of an operation on its nodes. It is shown until when it lasts at the latest; it ends with the operation.
type lease struct{ until time.Time } // zero: no limit is known

// last tells until when an operation holds its nodes at the latest.
func (s *nodeStates) last(operation string, until time.Time) {
	if l := s.leases[operation]; l != nil {
		l.until = until
	}
}

func newNodeStates(m *Memory) *nodeStates {
	s := &nodeStates{known: make(map[string]*nodeState), leases: make(map[string]*lease), disks: make(map[string]*message.NodeDisks)}
	if m == nil {
		return s
	}
	for _, n := range m.nodes {
		s.known[n.Node] = &nodeState{state: n.State, operation: n.Operation, user: n.User, environment: n.Environment, image: n.Image, confirmed: n.Confirmed, since: n.Since}
	}
	for _, n := range m.disks {
		s.disks[n.GetNode()] = n
	}
	return s
}

// holders returns who holds any of the nodes.
func (s *nodeStates) holders(nodes []string) []*message.Holder {
	var busy []*message.Holder
	for _, name := range nodes {
		if n := s.known[name]; n != nil && n.lease != nil {
			busy = append(busy, &message.Holder{Node: name, Operation: n.operation, User: n.user, Since: timestamppb.New(n.since), Until: timeOut(n.lease.until)})
		}
	}
	return busy
}

// stateNames are those of Kadeploy3 (1.10): while an operation runs, and when it was well or not.
func stateNames(j *job) (now, ok, ko string) {
	switch {
	case j.deploys():
		return "deploying", "deployed", "deploy_failed"
	case j.reboots():
		return "rebooting", "rebooted", "reboot_failed"
	}
	return "powering", "powered", "power_failed"
}

// take gives the nodes of a job that began at a time to it, but those that another holds: an admin may switch their power, and they stay the other's.
func (s *nodeStates) take(j *job, since time.Time) {
	state, _, _ := stateNames(j)
	l := &lease{}
	s.leases[j.id] = l
	for _, name := range j.order {
		n := s.known[name]
		if n == nil {
			n = &nodeState{state: "free"}
			s.known[name] = n
		}
		if n.lease != nil {
			continue
		}
		was := *n
		n.before = &was
		n.state, n.operation, n.user, n.since, n.lease = state, j.id, j.request.GetUser(), since, l
		if j.deploys() { // from now on nobody can promise what is on its disk
			n.environment, n.image, n.confirmed = "", "", false
		}
	}
}

// giveBack frees the nodes of a job that never began.
func (s *nodeStates) giveBack(j *job) {
	delete(s.leases, j.id)
	for _, name := range j.order {
		if n := s.known[name]; n != nil && n.operation == j.id {
			s.known[name] = n.before
		}
	}
}

// release frees the nodes of a job with the state it left them in, which it returns.
func (s *nodeStates) release(j *job, end operationEnded) (left []store.NodeState) {
	if end.untouched {
		s.giveBack(j)
		return nil
	}
	delete(s.leases, j.id)
	_, ok, ko := stateNames(j)
	for _, report := range end.ended.GetNodes() {
		n := s.known[report.GetName()]
		if n == nil || n.operation != j.id {
			continue
		}
		n.lease, n.since, n.before = nil, time.Now(), nil
		switch report.GetPhase() {
		case message.NodePhase_OK:
			n.state = ok
			if report.GetStopped() || j.reboots() && j.rebootKind() == deployEnv { // Kadeploy3's name of a node in the deployment system
				n.state = "deploy_env"
			} else if j.deploys() {
				n.environment, n.image = j.deployed()
				n.confirmed = report.GetConfirmed()
			}
		case message.NodePhase_CUT, message.NodePhase_CANCELLED:
			n.state = "aborted"
		default:
			n.state = ko
		}
		left = append(left, n.row(report.GetName()))
	}
	return left
}

// deployed is what runs on the nodes of a job that are OK. An operation that goes on deploys what it began with, or ends: the image may be
// another by now.
func (j *job) deployed() (environment, image string) {
	switch {
	case j.past != nil && j.past.digest != "":
		image = j.past.digest
	case j.image != nil:
		image = j.image.SHA256
	}
	return j.envName(), image
}

func namesOf(states []store.NodeState) (names []string) {
	for _, n := range states {
		names = append(names, n.Node)
	}
	return names
}

// interrupt marks the nodes of operations whose actors died with the actor that owned them, and returns them.
func (s *nodeStates) interrupt() (left []store.NodeState) {
	clear(s.leases)
	for name, n := range s.known {
		if n.lease != nil {
			n.lease, n.state, n.since = nil, "aborted", time.Now()
			left = append(left, n.row(name))
		}
	}
	return left
}

// row is what is written down of a node.
func (n *nodeState) row(name string) store.NodeState {
	return store.NodeState{Node: name, State: n.state, Operation: n.operation, User: n.user, Environment: n.environment, Image: n.image, Confirmed: n.confirmed, Since: n.since}
}

func (s *nodeStates) list(clientID string, snapshot *config.Snapshot) *message.Nodes {
	all := &message.Nodes{ClientId: clientID}
	for _, c := range snapshot.Nodes {
		status := &message.NodeStatus{Name: c.Name, Cluster: c.Cluster, Address: c.Addr.String(), State: "free"}
		if n := s.known[c.Name]; n != nil {
			status.State, status.Operation, status.User = n.state, n.operation, n.user
			status.Confirmed = n.confirmed
			status.Environment, status.Image, status.Since = n.environment, n.image, timestamppb.New(n.since)
			if n.lease != nil {
				status.Held, status.Until = true, timeOut(n.lease.until)
			}
		}
		all.Nodes = append(all.Nodes, status)
	}
	return all
}
