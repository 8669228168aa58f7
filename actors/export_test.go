package actors

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// SuiteT is the test that the specs run in, for those in fake time.
var SuiteT *testing.T

var discard = slog.New(slog.DiscardHandler)

// Poison is a message that the permanent actor of that name fails of: no actor of the tree ever sends one.
func Poison(actor string) any {
	return map[string]any{
		"journal":   readEvents{id: "poison"}, // without a reader
		"config":    reloadConfig{reply: closed()},
		"netboot":   setProfile{},
		"reboot":    powerRequest{node: &config.Node{}},
		"agents":    agentLeft{},
		"catalogue": asked{},
		"consoles":  openConsole{reply: closedOf[consoleOpened]()},
		"access":    isUser{reply: closedOf[bool]()},
		"history":   asked{},
	}[actor]
}

// Broadcasts has a deployment start a broadcast whose only node has failed since that was decided, and stands before the chain again. It counts
// the broadcasts that it has begun then.
func Broadcasts(system *actor.ActorSystem) int {
	chain := workflow.InstancePlan{Name: "Chain", Tries: 2, Steps: []workflow.Step{{Micro: workflow.SendEnvironment}}}
	plan := workflow.Plan{Macros: []workflow.MacroPlan{{Macro: workflow.BroadcastEnv, Instances: []workflow.InstancePlan{chain}}}}
	d := newDeploy(&job{id: "none"}, nil, discard)
	d.system, d.core = system, workflow.New(workflow.Config{Hosts: []workflow.HostPlan{{Host: "node-1", Plan: plan}}})
	ready, arrived := workflow.Ready{Host: "node-1"}, workflow.Arrived{Host: "node-1"}
	for _, e := range []workflow.Event{ready, arrived, workflow.Failed{Host: "node-1", Micro: workflow.SendEnvironment, Kind: workflow.KindRetry}, ready, arrived} {
		d.core.Handle(time.Now(), e)
	}
	d.broadcast(nil, workflow.Broadcast{Hosts: []string{"node-1"}})
	return d.rounds
}

// PoisonDeployment is a message that the actor of a request fails of.
func PoisonDeployment() any { return nodeEntered{incarnation: incarnation{host: "nobody"}} }

// closed is a channel that nobody can answer on.
func closed() chan<- error { return closedOf[error]() }

func closedOf[T any]() chan<- T {
	c := make(chan T)
	close(c)
	return c
}

// Told are those of the reports of a node's bytes that become events.
func Told(size int64, reports ...int64) (told []int64) {
	last := int64(0)
	for _, now := range reports {
		if grown(last, now, size) {
			last = now
			told = append(told, now)
		}
	}
	return told
}

// KernelsName says whether an agent may name the deployed partition so.
func KernelsName(root string) bool { return kernelsName.MatchString(root) }
