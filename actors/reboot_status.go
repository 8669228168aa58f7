package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// Bounds of the questions for the states of nodes. Their commands go through the window as all others.
const (
	maxInquiries = 32
	// maxInquiriesOfOne leaves some to others.
	maxInquiriesOfOne = 4
	inquiryTime       = time.Minute
)

// inquiry is a question under way: who asked, and what answers him.
type inquiry struct {
	client *actor.PID
	by     string
	asked  *message.PowerRequest
}

// look begins to ask nodes for their power, for a user who has a right to each of them.
func (r *reboot) look(ctx actor.Context, by string, m *message.PowerRequest) {
	mine := 0
	for _, q := range r.looking {
		if q.by == by {
			mine++
		}
		if q.by == by && q.asked.GetClientId() == m.GetClientId() {
			return // asked again: it is being looked at
		}
	}
	nodes, err := nodesOf(r.inForce.Load(), m.GetNodes())
	if err != nil {
		refuse(ctx, m.GetClientId(), message.Refusal_INVALID, err.Error())
		return
	}
	if err := r.ledger.check(by, needed(&message.Submit{Operation: message.Operation_REBOOT}, nodes)); err != nil {
		refuse(ctx, m.GetClientId(), message.Refusal_FORBIDDEN, err.Error())
		return
	}
	if len(r.looking) >= maxInquiries || mine >= maxInquiriesOfOne {
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, "too many clients ask for the power of nodes; try again later")
		return
	}
	system, clientID := ctx.ActorSystem(), m.GetClientId()
	op := r.tasks.Start(ctx, "power status", func(task context.Context) any {
		return &message.PowerStates{ClientId: clientID, Nodes: powerStates(task, system, nodes)}
	})
	r.looking[op] = inquiry{ctx.Sender(), by, m}
}

// powerStates asks for all nodes at once and takes the answers in order. Those that do not come in time are not known.
func powerStates(ctx context.Context, system *actor.ActorSystem, nodes []*config.Node) []*message.PowerState {
	ctx, cancel := context.WithTimeoutCause(ctx, inquiryTime, fmt.Errorf("no answer within %s", inquiryTime))
	defer cancel()
	replies := make([]chan powerResult, len(nodes))
	for i, n := range nodes {
		replies[i] = make(chan powerResult, 1)
		system.Root.Send(local(system, rebootName), powerRequest{ctx: ctx, node: n, op: power.OpStatus, reply: replies[i]})
	}
	states := make([]*message.PowerState, len(nodes))
	for i, n := range nodes {
		result := powerResult{}
		select {
		case result = <-replies[i]:
		case <-ctx.Done():
			result.err = context.Cause(ctx)
		}
		states[i] = &message.PowerState{Node: n.Name, State: string(result.status)}
		if result.err == nil && result.status == power.Unknown {
			result.err = errors.New("the status command did not say on or off")
		}
		if result.err != nil {
			states[i].Problem = line(result.err.Error())
		}
	}
	return states
}

// looked answers a question.
func (r *reboot) looked(ctx actor.Context, m supervisor.TaskDone) {
	q, ok := r.looking[m.Op]
	if !ok {
		return
	}
	delete(r.looking, m.Op)
	if q.client == nil {
		return
	}
	answer, ok := m.Value.(proto.Message)
	if !ok {
		answer = &message.Refused{Code: message.Refusal_UNAVAILABLE, Text: "internal error: see the server's log", ClientId: q.asked.GetClientId()}
	}
	ctx.Send(q.client, answer)
}
