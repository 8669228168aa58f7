package actors_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

// all is the end of an operation whose nodes all ended alike.
func all(s *site, phase message.NodePhase) map[string]message.NodePhase {
	phases := make(map[string]message.NodePhase)
	for _, node := range s.names() {
		phases[node] = phase
	}
	return phases
}

var _ = Describe("A node that fails", func() {
	It("is tried again when its machine did not boot", func() {
		s := newSite(blueprint{node: map[int]string{2: "sandbox_fault=boot-fails:1 timeout_reboot=3"}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.retriesOf("node-1")).To(Equal(0))
		Expect(o.retriesOf("node-2")).To(Equal(1))
		Expect(o.report("node-2").GetTries()).To(BeEquivalentTo(2))
	})

	It("is KO with its console as evidence when it never boots, and the request goes on without it", func() {
		s := newSite(blueprint{
			node:   map[int]string{3: "sandbox_fault=never-boots timeout_reboot=0.2"},
			global: map[string]string{"broadcast_grace": "20"}, // the others stand before the chain until it is KO
		})
		r := s.deployment()
		r.MinNodes = "2"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_QUORUM), o.ended.GetText())
		ko := o.report("node-3")
		Expect(ko.GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(ko.GetState()).To(Equal("SetDeploymentEnv/Untrusted/wait_reboot"))
		Expect(ko.GetCause()).To(ContainSubstring("did not call within 200ms"))
		Expect(ko.GetEvidence()).To(ContainSubstring("hangs (fault never-boots)"))
		Expect(s.states()).To(Equal([]string{"deployed", "deployed", "deploy_failed"}))
	})

	It("is cut off when as many nodes as asked for are OK", func() {
		s := newSite(blueprint{node: map[int]string{3: "sandbox_fault=never-boots timeout_reboot=20"}})
		r := s.deployment()
		r.MinNodes = "66%"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_QUORUM), o.ended.GetText())
		Expect(o.ended.GetTook().AsDuration()).To(BeNumerically("<", 15*time.Second))
		Expect(o.report("node-3").GetPhase()).To(Equal(message.NodePhase_CUT))
		Expect(s.states()).To(Equal([]string{"deployed", "deployed", "aborted"}))
	})

	It("ends the request at once when too few nodes are left", func() {
		s := newSite(blueprint{
			node:   map[int]string{1: "sandbox_fault=never-boots timeout_reboot=0.1", 3: "sandbox_fault=slow-boot:300 timeout_reboot=400"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:500", "BroadcastEnv|BroadcastEnvChain:1:20", "BootNewEnv|BootNewEnvClassical:1:20"},
		})
		r := s.deployment()
		r.MinNodes = "3"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED), o.ended.GetText())
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(o.report("node-3").GetPhase()).To(Equal(message.NodePhase_CUT))
		Expect(o.report("node-3").GetCause()).To(ContainSubstring("at most 2 nodes could still be OK"))
	})

	It("is KO and names the disk when that is full, and the others are OK", func() {
		s := newSite(blueprint{node: map[int]string{2: "sandbox_fault=disk-full:600kB"}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_PARTIAL), o.ended.GetText())
		ko := o.report("node-2")
		Expect(ko.GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(ko.GetCause()).To(ContainSubstring("no space left on device: the image needs 2 MiB, and /mnt/dest has room for 0 MiB; nothing was written"))
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(o.report("node-3").GetPhase()).To(Equal(message.NodePhase_OK))
	})

	It("gets a broadcast of its own when it comes late", func() {
		s := newSite(blueprint{
			node:   map[int]string{3: "sandbox_fault=boot-fails:1 timeout_reboot=4"},
			global: map[string]string{"broadcast_grace": "0"},
		})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		chains := o.chains()
		Expect(len(chains)).To(BeNumerically(">", 1))
		Expect(chains[len(chains)-1]).To(Equal([]string{"node-3"}))
	})

	It("is waited for when it is slow, as long as the grace time lasts", func() {
		s := newSite(blueprint{
			node:   map[int]string{3: "sandbox_fault=slow-boot:0.6 timeout_reboot=10"},
			global: map[string]string{"broadcast_grace": "20"},
		})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.chains()).To(Equal([][]string{s.names()}))
		Expect(o.retriesOf("node-3")).To(Equal(0))
	})
})

// everyOrder are the micro-steps that an agent gets orders for, in a request that asks for all there is.
var everyOrder = []string{
	"send_key_in_deploy_env", "create_partition_table", "format_deploy_part", "mount_deploy_part", "format_tmp_part",
	"format_swap_part", "send_environment", "manage_admin_post_install", "manage_user_post_install", "check_kernel_files",
	"send_key", "sync", "umount_deploy_part", "reboot_from_deploy_env",
}

// demanding is a request whose nodes get every order.
func (s *site) demanding() *request {
	GinkgoHelper()
	s.file("image.env", description("image.tar|tar", "postinstall : post.tgz|tgz|post.sh"))
	r := s.deployment()
	r.Key, r.FormatTmp, r.TmpFilesystem = []byte("ssh-ed25519 AAAA ada\n"), true, "ext4"
	return r
}

type request = message.Submit

// postInstall makes a site whose cluster has a post-install of its own.
func postInstall() map[string]string {
	return map[string]string{"admin_post_install": "post.tgz|tgz|post.sh"}
}

var _ = Describe("An agent", func() {
	for _, step := range everyOrder {
		It("that dies in "+step+" costs its node a try", func() {
			s := newSite(blueprint{nodes: 2, node: map[int]string{2: "sandbox_fault=agent-crash:" + step}, cluster: postInstall()})
			o := s.run(s.demanding())
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
			Expect(o.retriesOf("node-1")).To(Equal(0))
			Expect(o.retriesOf("node-2")).To(BeNumerically(">", 0))
		})
	}

	It("that never answers an order costs its node a try once the time of that is over", func() {
		node := make(map[int]string)
		for i, step := range everyOrder {
			node[i+1] = "sandbox_fault=hung-order:" + step
		}
		s := newSite(blueprint{nodes: len(everyOrder) + 1, node: node, cluster: postInstall(), macros: []string{
			"SetDeploymentEnv|SetDeploymentEnvUntrusted:2:4", "BroadcastEnv|BroadcastEnvChain:3:5", "BootNewEnv|BootNewEnvClassical:1:4,BootNewEnvHardReboot:2:10",
		}})
		o := s.run(s.demanding())
		Expect(o.phases()).To(Equal(all(s, message.NodePhase_OK)))
		for i := range everyOrder {
			Expect(o.retriesOf(name(i+1))).To(BeNumerically(">", 0), everyOrder[i])
		}
		Expect(o.retriesOf(name(s.nodes))).To(Equal(0))
	})
})
