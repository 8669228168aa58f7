package actors

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// told makes events of places, a second after each other: "SetDeploymentEnv 1", "BroadcastEnv/await_agent 1", "retrying BroadcastEnv 2"; "stop" is
// what a server says that takes an operation up in the try that the event before has, "ok", "ko" and "said" are of that, too.
func told(places ...string) (events []*message.Event) {
	var last *message.NodeChanged
	for i, place := range places {
		n := &message.NodeChanged{Node: "n1", Phase: message.NodePhase_RUNNING, Instance: "Simple", Micro: "sync"}
		words := strings.Fields(place)
		if last != nil {
			n.Macro, n.Micro, n.Try = last.GetMacro(), last.GetMicro(), last.GetTry()
		}
		switch words[0] {
		case "stop":
			n.Phase, n.Interrupted = message.NodePhase_RETRYING, timestamppb.New(time.Unix(int64(i-1), 0))
		case "said":
			n.Said = "its image"
		case "ok":
			n.Phase = message.NodePhase_OK
		case "ko":
			n.Phase = message.NodePhase_KO
		case "retrying":
			n.Phase, n.Cause, words = message.NodePhase_RETRYING, "broken", words[1:]
		}
		if len(words) == 2 {
			_, err := fmt.Sscan(words[1], &n.Try)
			Expect(err).NotTo(HaveOccurred())
			n.Macro, n.Micro, _ = strings.Cut(words[0], "/")
			n.Micro = cmp.Or(n.Micro, "sync")
		}
		last = n
		events = append(events, &message.Event{Time: timestamppb.New(time.Unix(int64(i), 0)), Fact: &message.Event_Node{Node: n}})
	}
	return events
}

var _ = DescribeTable("The past of a node counts its tries of each macro-step, and not what is begun again after a stop of the server in the try that it was in",
	func(want string, places ...string) {
		var got []string
		for _, m := range pastOf(time.Unix(0, 0), told(places...)).nodes["n1"].Macros {
			got = append(got, fmt.Sprintf("%d(%d)", m.Tries, m.Try))
		}
		Expect(strings.Join(got, " ")).To(Equal(want), "tries and, in brackets, the one under way")
	},
	Entry("as they come", "1(0) 1(1)", "SetDeploymentEnv 1", "SetDeploymentEnv 1", "BroadcastEnv 1"),
	Entry("tried again", "2(0) 1(1)", "SetDeploymentEnv 1", "retrying SetDeploymentEnv 1", "SetDeploymentEnv 2", "BroadcastEnv 1"),
	Entry("gone back for a lost agent: both are tried again", "2(0) 2(2)",
		"SetDeploymentEnv 1", "BroadcastEnv 1", "retrying BroadcastEnv 1", "SetDeploymentEnv 1", "BroadcastEnv 2"),
	Entry("stopped while it booted", "1(1)", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1"),
	Entry("stopped in the broadcast: only the boot is another", "2(0) 1(1)",
		"SetDeploymentEnv 1", "BroadcastEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1"),
	Entry("stopped again on the way back: the broadcast is still in its second try", "2(1) 2(2)",
		"SetDeploymentEnv 1", "BroadcastEnv 1", "retrying BroadcastEnv 1", "BroadcastEnv 2", "stop", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1"),
	Entry("stopped before it left for the new system: what was done is done once more", "2(0) 2(0) 1(1)",
		"SetDeploymentEnv 1", "BroadcastEnv 1", "BootNewEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1", "BootNewEnv 1"),
)

var _ = It("The past of a node has the seconds in which a server ran, over two stops", func() {
	n := pastOf(time.Unix(0, 0), told("SetDeploymentEnv 1", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1", "stop", "SetDeploymentEnv 1", "BroadcastEnv 1")).nodes["n1"]
	Expect(n.At("SetDeploymentEnv").Took).To(Equal(4 * time.Second))
})

var _ = DescribeTable("The past of a node knows how long a new system that says who it is has been waited for",
	func(want int, places ...string) {
		p := pastOf(time.Unix(0, 0), told(places...))
		p.calls["n1"] = make([]byte, 32)
		p.booting(time.Unix(10, 0))
		Expect(p.nodes["n1"].Leaving).To(Equal(time.Duration(want) * time.Second))
		delete(p.calls, "n1")
		p.nodes["n1"].Leaving = 0
		p.booting(time.Unix(10, 0))
		Expect(p.nodes["n1"].Leaving).To(BeZero(), "one that says nothing")
	},
	Entry("since it was told to leave", 8, "BroadcastEnv 1", "BootNewEnv/reboot 1", "BootNewEnv/wait_reboot 1"),
	Entry("over stops of the server", 9, "BroadcastEnv 1", "BootNewEnv/wait_reboot 1", "stop", "BootNewEnv/wait_reboot 1", "stop"),
	Entry("whatever it said", 9, "BroadcastEnv 1", "BootNewEnv/wait_reboot 1", "said"),
	Entry("not before", 0, "BroadcastEnv 1", "BootNewEnv/reboot 1"),
	Entry("not when that failed", 0, "BootNewEnv/wait_reboot 1", "retrying BootNewEnv/wait_reboot 1"),
	Entry("nor when a server was stopped then", 0, "BootNewEnv/wait_reboot 1", "retrying BootNewEnv/wait_reboot 1", "stop"),
	Entry("nor when its system has called then", 0, "BootNewEnv/wait_reboot 1", "retrying BootNewEnv/wait_reboot 1", "said"),
	Entry("in the next try anew", 7, "BootNewEnv/wait_reboot 1", "retrying BootNewEnv/wait_reboot 1", "BootNewEnv/reboot 2", "BootNewEnv/wait_reboot 2"),
	Entry("not in the wait for another system", 0, "SetDeploymentEnv/wait_reboot 1"),
)

var _ = It("The past of a node has the boot of the deployment system that is waited for, over stops of the server", func() {
	events := told("SetDeploymentEnv/wait_reboot 1", "stop", "stop")
	events[0].GetNode().Boot, events[0].GetNode().BootUntil = make([]byte, 32), timestamppb.New(time.Unix(60, 0))
	p := pastOf(time.Unix(0, 0), events)
	p.booting(time.Unix(10, 0))
	Expect(p.nodes["n1"].Booting).To(Equal(50 * time.Second))
})

var _ = It("The past of a node forgets the call of a system that was written over", func() {
	events := told("BroadcastEnv/phone_home 1", "BroadcastEnv/sync 1", "SetDeploymentEnv 1", "BroadcastEnv/send_environment 2")
	events[0].GetNode().Call = make([]byte, 32)
	Expect(pastOf(time.Unix(0, 0), events[:3]).calls).To(HaveKey("n1"))
	Expect(pastOf(time.Unix(0, 0), events).calls).NotTo(HaveKey("n1"))
})

var _ = It("The end of an operation that does not go on says of a node that is OK what it has not of the image", func() {
	events := told("BootNewEnv 1", "ok")
	events[1].GetNode().Unrestored = 3
	ended := pastOf(time.Unix(0, 0), events).abandoned([]string{"n1"}, "it was started with --no-resume")
	Expect(ended.GetNodes()[0].GetCause()).To(Equal("attributes, ACLs or device nodes of the image that were not restored: 3"))
})
