package actors

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/topology"
	"github.com/kadeploy/kadeploy/supervisor"
)

// member is a node that stands before the chain.
type member struct {
	incarnation
	node    *config.Node
	session *agentlink.Session
	try     context.Context // over with the try that stands there
	keep    []byte          // the name of its order, if its agent is to keep that
	kept    *agentpb.Kept   // its order of the transfer that goes on; nil: of none, as of all members
}

// inNetwork is where the member stands among switches and racks.
func (m member) inNetwork() topology.Place {
	return topology.Place{Name: m.host, Switch: m.node.Switch, Rack: m.node.Rack}
}

// chainActor runs one broadcast (broadcast_orders.go has the orders to its agents, course.go the bytes of the image).
type chainActor struct {
	id      string // in the crew
	job     *job
	members []member
	tasks   supervisor.Tasks
}

func (c *chainActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b := newBroadcast(c, ctx)
		c.tasks.Start(ctx, "broadcast", func(ctx context.Context) any { return b.run(ctx) })
	case *actor.Stopping, *actor.Restarting:
		c.tasks.CancelAll()
	case supervisor.TaskDone:
		if !c.tasks.Accept(m) {
			return
		}
		if m.Panic != nil {
			panic(m.Panic)
		}
		ctx.Send(ctx.Parent(), chainEnded{c.id})
	}
}
