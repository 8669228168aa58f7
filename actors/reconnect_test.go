package actors_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
)

// unhurried is a site of one node whose image takes a second to arrive, and whose post-install takes another and leaves a line for each time
// that it ran.
func unhurried(more func(*blueprint)) *site {
	GinkgoHelper()
	b := blueprint{
		nodes: 1, memory: true, lasting: true,
		global:  map[string]string{"chain_rate": "8MiB"},
		cluster: map[string]string{"admin_post_install": "post.tgz|tgz|post.sh"},
		macros:  []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:60", "BroadcastEnv|BroadcastEnvChain:1:60", "BootNewEnv|BootNewEnvClassical:1:60"},
	}
	if more != nil {
		more(&b)
	}
	s := newSite(b)
	s.bigImage()
	s.file("post.tgz", string(gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\necho ran >> $KADEPLOY_ENV_EXTRACTION_DIR/etc/installed\nsleep 1\n"}))))
	return s
}

// boots counts how often a node has booted the deployment system.
func (s *site) boots(node string) int {
	return strings.Count(s.rackConsole(node)(), "deployment system: starting the agent")
}

// steps are the micro-steps that a node was in from an event on, in order.
func (o *operation) steps(node string, from int) (all []string) {
	for _, e := range o.events[from:] {
		if n := e.GetNode(); n.GetNode() == node && n.GetPhase() == message.NodePhase_RUNNING && n.GetBytes() == 0 {
			all = append(all, n.GetMicro())
		}
	}
	return all
}

var _ = Describe("A node whose agent outlives the server", func() {
	DescribeTable("goes on without another boot of the deployment system when the server died in", func(step string, again ...string) {
		s := unhurried(func(b *blueprint) { b.node = map[int]string{1: "sandbox_fault=hung-order:" + step} }) // it stands there to be hit
		o := s.begin(s.deployment())
		o.enters("node-1", step)
		Eventually(s.rackConsole("node-1")).Should(ContainSubstring("kind=hung-order step=" + step))
		s.restart()
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.boots("node-1")).To(Equal(1))
		Expect(o.report("node-1").GetTries()).To(BeEquivalentTo(1))
		Expect(s.disk("node-1", "etc/installed")).To(Equal("ran\n"), "each system is new when its post-install runs")
		steps := o.steps("node-1", seen)
		for i, micro := range steps {
			if micro == "await_agent" {
				steps = steps[i:]
				break
			}
		}
		Expect(steps[:min(len(again), len(steps))]).To(Equal(again))
	},
		Entry("the partitioning", "create_partition_table", "await_agent", "umount_deploy_part", "create_partition_table", "format_deploy_part"),
		Entry("the formatting", "format_deploy_part", "await_agent", "umount_deploy_part", "create_partition_table", "format_deploy_part"),
		Entry("a post-install", "manage_admin_post_install", "await_agent", "umount_deploy_part", "create_partition_table", "format_deploy_part", "mount_deploy_part", "format_swap_part", "send_environment", "manage_admin_post_install"),
	)

	It("is rebooted into the new system when it had been told to leave", func() {
		s := unhurried(nil)
		o := s.begin(s.deployment())
		o.enters("node-1", "reboot_from_deploy_env")
		Eventually(s.rackConsole("node-1")).Should(ContainSubstring("step=reboot_from_deploy_env"))
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.boots("node-1")).To(Equal(1))
		Expect(s.disk("node-1", "etc/installed")).To(Equal("ran\n"))
	})

	It("goes on after a second death while it is waited for", func() {
		s := unhurried(nil)
		o := s.begin(s.deployment())
		o.enters("node-1", "send_environment")
		for range 2 {
			s.restart()
			o = s.resumed(o)
			o.enters("node-1", "await_agent")
		}
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.boots("node-1")).To(Equal(1))
	})

	It("boots the deployment system again where agents are not to call again", func() {
		s := unhurried(func(b *blueprint) { b.global["agent_reconnect"] = "0" })
		o := s.begin(s.deployment())
		o.enters("node-1", "manage_admin_post_install")
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.boots("node-1")).To(Equal(2))
		Expect(o.entered("node-1", "await_agent")).To(BeFalse())
	})
})

var _ = Describe("A connection to an agent that breaks", func() {
	DescribeTable("costs its node neither a boot nor a try, in", func(step string, waits int) {
		s := unhurried(nil)
		o := s.begin(s.deployment())
		o.enters("node-1", step)
		if waits > 0 {
			Eventually(s.rackConsole("node-1")).Should(ContainSubstring("step="+step), "the order is given after its event is written")
		} else {
			o.starts("node-1")
		}
		s.crash("root/agents", actors.Poison("agents")) // which has the listener, and all connections
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.entered("node-1", "await_agent")).To(Equal(waits > 0))
		Expect(s.boots("node-1")).To(Equal(1))
		Expect(o.report("node-1").GetTries()).To(BeEquivalentTo(1))
		Expect(o.retriesOf("node-1")).To(Equal(waits))
		Expect(s.disk("node-1", "etc/installed")).To(Equal("ran\n"))
	},
		Entry("the broadcast, which goes on meanwhile", "send_environment", 0),
		Entry("a post-install", "manage_admin_post_install", 1),
	)
})
