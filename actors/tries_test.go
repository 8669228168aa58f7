package actors

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = DescribeTable("The tries of a node are counted with their seconds, and a stop of the server is the end of none",
	func(want []string, places ...string) {
		c, got := newChronicle(), []string{}
		for _, e := range told(places...) {
			steps, _ := c.see(e)
			for _, t := range steps {
				got = append(got, fmt.Sprintf("%s %d %s %s%s", t.Macro, t.Try, t.Outcome, t.Took, t.Micro))
			}
		}
		Expect(got).To(Equal(want))
	},
	Entry("as they come", []string{"SetDeploymentEnv 1 ok 1s", "BroadcastEnv 1 ok 2s"},
		"SetDeploymentEnv 1", "BroadcastEnv 1", "BroadcastEnv 1", "ok"),
	Entry("failed", []string{"SetDeploymentEnv 1 failed 1ssync", "SetDeploymentEnv 2 failed 1ssync"},
		"SetDeploymentEnv 1", "retrying SetDeploymentEnv 1", "SetDeploymentEnv 2", "ko"),
	Entry("stopped in it: it goes on, and the time between is not of it", []string{"SetDeploymentEnv 1 resumed 2s", "BroadcastEnv 1 ok 1s"},
		"SetDeploymentEnv 1", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1", "ok"),
	Entry("stopped twice", []string{"SetDeploymentEnv 1 resumed 2s", "BroadcastEnv 1 ok 1s"},
		"SetDeploymentEnv 1", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1", "ok"),
	Entry("stopped in the broadcast: the boot on the way back is a try of its own", []string{"SetDeploymentEnv 1 ok 1s", "SetDeploymentEnv 1 ok 1s", "BroadcastEnv 1 resumed 1s"},
		"SetDeploymentEnv 1", "BroadcastEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1", "ok"),
	Entry("stopped, and its agent waited for in vain, which is no failure of the node", []string{"BroadcastEnv 1 resumed 2s"},
		"BroadcastEnv 1", "stop", "BroadcastEnv/await_agent 1", "retrying BroadcastEnv/await_agent 1", "BroadcastEnv 1", "ok"),
	Entry("an agent waited for in vain without a stop", []string{"BroadcastEnv 1 failed 1sawait_agent", "BroadcastEnv 2 ok 1s"},
		"BroadcastEnv/await_agent 1", "retrying BroadcastEnv/await_agent 1", "BroadcastEnv 2", "ok"),
	Entry("stopped, and failed then", []string{"BroadcastEnv 1 failed 1ssync", "BroadcastEnv 2 ok 1s"},
		"BroadcastEnv 1", "stop", "BroadcastEnv 1", "retrying BroadcastEnv 1", "BroadcastEnv 2", "ok"),
	Entry("stopped, and not come back to", []string{"SetDeploymentEnv 1 failed 1ssync", "BroadcastEnv 1 cut 1ssync"},
		"BroadcastEnv 1", "BroadcastEnv 1", "stop", "SetDeploymentEnv 1", "ko"),
	Entry("stopped, and settled at once", []string{"BroadcastEnv 1 cut 0ssync"}, "BroadcastEnv 1", "stop", "ko"),
	Entry("what the deployed system says begins none", []string{"BootNewEnv 1 failed 1ssync", "BootNewEnv 2 ok 1s"},
		"BootNewEnv 1", "retrying BootNewEnv 1", "said", "BootNewEnv 2", "ok"),
)

var _ = It("The tries that are under way when an operation ends that does not go on were cut, when the server was last heard of", func() {
	c := newChronicle()
	for _, e := range told("SetDeploymentEnv 1", "BroadcastEnv 1", "BroadcastEnv 1") {
		c.see(e)
	}
	ended := &message.Event{Time: timestamppb.New(time.Unix(1000, 0)), Fact: &message.Event_Ended{Ended: &message.Ended{Nodes: []*message.NodeReport{{Name: "n1"}, {Name: "n2"}}}}}
	steps, results := c.see(ended)
	Expect(steps).To(HaveExactElements(And(HaveField("Macro", "BroadcastEnv"), HaveField("Outcome", store.StepCut), HaveField("Took", time.Second))))
	Expect(results).To(HaveLen(2))
})
