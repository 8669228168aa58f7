package terminal_test

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// zero is when the operations of the specs start, on the server's clock.
var zero = time.Unix(1000, 0)

// at makes an event that many seconds after zero.
func at(seconds float64, fact any) *message.Event {
	e := &message.Event{Id: "D-7", Time: timestamppb.New(zero.Add(time.Duration(seconds * float64(time.Second))))}
	switch fact := fact.(type) {
	case *message.Started:
		e.Fact = &message.Event_Started{Started: fact}
	case *message.NodeChanged:
		e.Fact = &message.Event_Node{Node: fact}
	case *message.ChainChanged:
		e.Fact = &message.Event_Chain{Chain: fact}
	case *message.ChainSkip:
		e.Fact = &message.Event_Skip{Skip: fact}
	case *message.Note:
		e.Fact = &message.Event_Note{Note: fact}
	case *message.Ended:
		e.Fact = &message.Event_Ended{Ended: fact}
	}
	return e
}

func started(minNodes uint32, names ...string) *message.Started {
	s := &message.Started{User: "alice", Environment: "debian:12", Image: "debian.tar.zst", ImageSize: 1000, MinNodes: minNodes}
	for _, n := range names {
		s.Nodes = append(s.Nodes, &message.NodeInfo{Name: n, Cluster: "blue"})
	}
	return s
}

func running(node, macro, micro string, try uint32) *message.NodeChanged {
	return &message.NodeChanged{Node: node, Phase: message.NodePhase_RUNNING, Macro: macro, Instance: "Untrusted", Micro: micro, Try: try}
}

func received(node string, bytes uint64) *message.NodeChanged {
	n := running(node, "BroadcastEnv", "send_environment", 1)
	n.Instance, n.Bytes = "Chain", bytes
	return n
}

func phase(node string, p message.NodePhase, cause string) *message.NodeChanged {
	return &message.NodeChanged{Node: node, Phase: p, Macro: "SetDeploymentEnv", Instance: "Untrusted", Micro: "wait_reboot", Cause: cause}
}
