package actors

import (
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
)

// seen keeps what a node's deployment system has found, also for the servers after this one.
func (d *deployments) seen(ctx actor.Context, m disksSeen) {
	d.nodes.disks[m.disks.GetNode()] = m.disks
	row, err := proto.Marshal(m.disks)
	if err != nil {
		panic(err) // a message that we made ourselves
	}
	ctx.Send(local(ctx.ActorSystem(), journalName), keepDisks{store.NodeDisks{Node: m.disks.GetNode(), Seen: m.disks.GetSeen().AsTime(), Disks: row}})
}

// pageDisks is where a page of disks ends, in bytes; the node that is over it is still on the page.
const pageDisks = 1 << 20

// disksOf is a page of what disks the nodes have.
func (s *nodeStates) disksOf(r *message.DisksRequest, snapshot *config.Snapshot) proto.Message {
	nodes, err := pageAfter(r, snapshot)
	if err != nil {
		return &message.Refused{Code: message.Refusal_INVALID, Text: line(err.Error()), ClientId: r.GetClientId()}
	}
	page := &message.Disks{ClientId: r.GetClientId()}
	size := 0
	for i, n := range nodes {
		disks := s.disks[n.Name]
		if disks == nil {
			disks = &message.NodeDisks{Node: n.Name}
		}
		page.Nodes = append(page.Nodes, disks)
		if size += proto.Size(disks); size > pageDisks && i < len(nodes)-1 {
			page.Next = n.Name
			break
		}
	}
	return page
}

// pageAfter are the nodes that are asked for and not told of yet.
func pageAfter(r *message.DisksRequest, snapshot *config.Snapshot) (nodes []*config.Node, err error) {
	if nodes = snapshot.Nodes; len(r.GetNodes()) > 0 {
		if nodes, err = nodesOf(snapshot, r.GetNodes()); err != nil {
			return nil, err
		}
	}
	if r.GetAfter() == "" {
		return nodes, nil
	}
	i := slices.IndexFunc(nodes, func(n *config.Node) bool { return n.Name == r.GetAfter() })
	if i < 0 {
		return nil, fmt.Errorf("no node %q among those that are asked for: the configuration has changed; ask again", r.GetAfter())
	}
	return nodes[i+1:], nil
}
