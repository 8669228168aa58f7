package blackout

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// second is a moment of a story.
func second(n float64) time.Time { return time.Unix(0, int64(n*float64(time.Second))).UTC() }

// told is an event of node-1 at a second: a phase, a micro-step, and more.
func told(at float64, phase message.NodePhase, micro string, more ...func(*message.NodeChanged)) *message.Event {
	n := &message.NodeChanged{Node: "node-1", Phase: phase, Macro: "SetDeploymentEnv", Micro: micro}
	for _, m := range more {
		m(n)
	}
	return &message.Event{Time: timestamppb.New(second(at)), Fact: &message.Event_Node{Node: n}}
}

func calls(n *message.NodeChanged) { n.Agent = []byte("certificate") }

func because(cause string) func(*message.NodeChanged) {
	return func(n *message.NodeChanged) { n.Cause = cause }
}

var _ = Describe("The judge of machines that outlive the daemon", func() {
	const running, retrying, ok = message.NodePhase_RUNNING, message.NodePhase_RETRYING, message.NodePhase_OK
	kills := []time.Time{second(20)}
	judged := func(d *diary, events ...*message.Event) (reunions, []string) {
		return judgeBoots(map[string][]*message.Event{"D": events}, map[string]*diary{"node-1": d}, kills)
	}
	// until is a deployment whose daemon dies at 20 s, when the agent of the boot of 1 s is at work, and what comes then.
	until := func(then ...*message.Event) []*message.Event {
		return append([]*message.Event{
			told(0, running, "switch_pxe"), told(1, running, "reboot"), told(2, running, "wait_reboot"), told(10, running, "create_partition_table", calls),
			told(30, retrying, "create_partition_table", because("interrupted: the server was stopped")), told(31, running, "await_agent"),
		}, then...)
	}

	It("has nothing against an agent that calls, and a boot when the node leaves the deployment system", func() {
		met, wrong := judged(&diary{boots: []time.Time{second(1), second(39.5)}}, until(
			told(34, running, "create_partition_table"), told(40, running, "reboot_from_deploy_env"), told(50, ok, "wait_reboot"))...)
		Expect(wrong).To(BeEmpty())
		Expect(met).To(Equal(reunions{awaited: 1, back: 1}))
	})
	It("counts a wait once, when the daemon dies again meanwhile", func() {
		met, wrong := judged(&diary{}, until(told(33, retrying, "await_agent", because("interrupted: the server was stopped")),
			told(34, running, "await_agent"), told(36, running, "create_partition_table"))...)
		Expect(wrong).To(BeEmpty())
		Expect(met).To(Equal(reunions{awaited: 1, back: 1}))
	})
	It("finds a boot while the agent was there", func() {
		_, wrong := judged(&diary{boots: []time.Time{second(1), second(32)}}, until(
			told(34, running, "create_partition_table"), told(40, running, "reboot_from_deploy_env"))...)
		Expect(wrong).To(ConsistOf(ContainSubstring("D: node-1 booted at")))
	})
	It("finds a node whose agent the next daemon does not wait for", func() {
		_, wrong := judged(&diary{}, told(10, running, "create_partition_table", calls),
			told(30, retrying, "create_partition_table", because("interrupted: the server was stopped")), told(31, running, "switch_pxe"), told(40, ok, "wait_reboot"))
		Expect(wrong).To(ConsistOf(ContainSubstring("D: node-1 came to switch_pxe at")))
	})
	It("finds one just before a kill, of which nothing is written down", func() {
		_, wrong := judged(&diary{boots: []time.Time{second(1), second(19)}}, until(told(34, running, "create_partition_table"), told(40, running, "reboot_from_deploy_env"))...)
		Expect(wrong).To(ConsistOf(ContainSubstring("D: node-1 booted at")))
	})
	It("finds a wait in vain for an agent that lives, and forgives one for an agent that has ended", func() {
		lost := until(told(34, retrying, "await_agent", because("it did not call")), told(35, running, "switch_pxe"))
		met, wrong := judged(&diary{boots: []time.Time{second(1)}}, lost...)
		Expect(wrong).To(ConsistOf("D: node-1 waited in vain for an agent that lives: it did not call"))
		Expect(met).To(Equal(reunions{awaited: 1}))
		_, wrong = judged(&diary{boots: []time.Time{second(1)}, hangs: []time.Time{second(15)}}, lost...)
		Expect(wrong).To(BeEmpty())
		_, wrong = judged(&diary{boots: []time.Time{second(1)}, hangs: []time.Time{second(30.5)}}, lost...)
		Expect(wrong).To(HaveLen(1), "it had no reason to end when nobody gave it orders")
	})
	It("forgives a wait in vain for an agent whose end was the break of its connection", func() {
		_, wrong := judged(&diary{boots: []time.Time{second(1)}, hangs: []time.Time{second(25)}}, told(10, running, "create_partition_table", calls),
			told(25.1, retrying, "create_partition_table", because("agent lost: EOF")), told(25.2, running, "await_agent"),
			told(25.3, retrying, "await_agent", because("it has ended")), told(26, running, "switch_pxe"))
		Expect(wrong).To(BeEmpty())
	})
	It("reads what machines did from their log", func() {
		machines, err := readDiaries(strings.NewReader(strings.Join([]string{
			`time=1970-01-01T00:00:01.000Z level=INFO msg="the sandbox machines wait for a daemon" nodes=8`,
			`time=1970-01-01T00:00:01.500Z level=DEBUG msg="sandbox machine is told" node=node-1 op=reboot level=soft obeys=true`,
			`time=1970-01-01T00:00:02.000Z level=DEBUG msg="sandbox machine boots" node=node-1 boot=1`,
			`time=1970-01-01T00:00:03.000Z level=DEBUG msg="sandbox machine hangs" node=node-1 reason="agent ended"`,
			`time=1970-01-01T00:00:03.500Z level=DEBUG msg="sandbox machine hangs" node=node-1 reason="agent ended: the server refuses this agent: nobody expects it"`,
			`time=1970-01-01T00:00:04.000Z level=DEBUG msg="sandbox machine boots" node=node-2 boot=1`}, "\n")))
		Expect(err).NotTo(HaveOccurred())
		Expect(machines).To(Equal(map[string]*diary{
			"node-1": {boots: []time.Time{second(2)}, hangs: []time.Time{second(3)}, told: []deed{{second(1.5), "soft", true}}}, "node-2": {boots: []time.Time{second(4)}}}))
	})
})
