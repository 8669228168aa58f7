package actors

import (
	"cmp"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/rights"
)

// needed is what an operation needs on its nodes: the partition to be deployed, which differs, every one for another disk than the
// site's, or any right for a reboot.
func needed(r *message.Submit, nodes []*config.Node) []rights.Want {
	byPart := make(map[string][]string)
	for _, n := range nodes {
		part := rights.AnyPart
		if r.GetOperation() == message.Operation_DEPLOY {
			var err error
			if part, err = rights.Part(partNumber(n.DeployPart)); err != nil || r.GetBlockDevice() != "" {
				part = rights.All // a partition without a number is nobody's by number
			}
		}
		byPart[part] = append(byPart[part], n.Name)
	}
	var wants []rights.Want
	for part, names := range byPart {
		wants = append(wants, rights.Want{Part: part, Nodes: names})
	}
	slices.SortFunc(wants, func(x, y rights.Want) int { return cmp.Compare(x.Part, y.Part) })
	return wants
}

// needed is what the job's user must have the right to.
func (j *job) needed() []rights.Want {
	nodes := make([]*config.Node, len(j.order))
	for i, host := range j.order {
		nodes[i] = j.nodes[host].node
	}
	return needed(j.request, nodes)
}

// forbidden refuses a request whose user has not got the rights; nil when he has, and when its nodes make no sense.
func (d *deployments) forbidden(s *config.Snapshot, r *message.Submit) *message.Refused {
	nodes, err := targets(s, r)
	if err != nil {
		return nil
	}
	if err := d.ledger.check(r.GetUser(), needed(r, nodes)); err != nil {
		return &message.Refused{Code: message.Refusal_FORBIDDEN, Text: line(err.Error()), ClientId: r.GetClientId()}
	}
	return nil
}

// revoke ends the operations that a loss leaves without a right: whole ones, because what is half done is of no use. Those that are planned
// again after a restart are looked at then.
func (d *deployments) revoke(ctx actor.Context, m endOperations) {
	for _, id := range d.order {
		o := d.operations[id]
		if o.ended == nil && o.job.nodes != nil && m.concerns(o.job) && (m.gone || d.ledger.check(o.job.request.GetUser(), o.job.needed()) != nil) {
			d.log.Info("operation loses its right", "id", id, "user", o.job.request.GetUser(), "why", m.why)
			d.stop(ctx, o, m.why)
		}
	}
	for op, p := range d.checking { // other losses are seen at the start
		if m.gone && p.request.GetUser() == m.lost.User {
			p.orphan = m.why
			d.checking[op] = p
		}
	}
}

// concerns says whether a loss may be about an operation.
func (m endOperations) concerns(j *job) bool {
	return m.mayConcern(j.request.GetUser(), func(node string) bool { return j.nodes[node] != nil })
}

// mayConcern says whether a loss may be about what a user does to the nodes for which uses is true.
func (m endOperations) mayConcern(user string, uses func(node string) bool) bool {
	if m.lost.User != rights.All && m.lost.User != user {
		return false
	}
	return slices.ContainsFunc(m.lost.Nodes, func(node string) bool { return node == rights.All || uses(node) })
}
