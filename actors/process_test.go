package actors_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/actors/message"
)

// agentOf is the pid of the process that is a node's agent now.
func (s *site) agentOf(node string) int {
	GinkgoHelper()
	text, err := os.ReadFile(s.path("disks", ".sessions", node))
	Expect(err).NotTo(HaveOccurred())
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	Expect(err).NotTo(HaveOccurred())
	Expect(pid).To(BeNumerically(">", 1))
	return pid
}

// processesOf are the living processes whose command line names a directory.
func processesOf(dir string) []string {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, file := range commands {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(dir)) {
			found = append(found, string(text))
		}
	}
	return found
}

var _ = Describe("Agents that are processes", Ordered, func() {
	var program string
	BeforeAll(func() {
		var err error
		program, err = gexec.Build("github.com/kadeploy/kadeploy/cmd/kadeploy-agent")
		Expect(err).NotTo(HaveOccurred())
	})

	// processSite checks that nothing of it is left running after its end.
	processSite := func(b blueprint) *site {
		GinkgoHelper()
		dir := GinkgoT().TempDir()
		DeferCleanup(func() { Expect(processesOf(dir)).To(BeEmpty(), "processes left behind") })
		b.agent = program
		s := plannedSite(dir, b)
		s.write()
		s.start()
		DeferCleanup(s.close)
		return s
	}

	DescribeTable("cost their node a try when they are", func(what syscall.Signal, step string) {
		s := processSite(blueprint{
			node:   map[int]string{2: "sandbox_fault=hung-order:" + step}, // it stands there to be hit
			global: map[string]string{"agent_reconnect": "2"},
			macros: []string{
				"SetDeploymentEnv|SetDeploymentEnvUntrusted:3:8", "BroadcastEnv|BroadcastEnvChain:3:8", "BootNewEnv|BootNewEnvClassical:1:8,BootNewEnvHardReboot:2:10",
			},
		})
		o := s.begin(s.deployment())
		o.enters("node-2", step)
		Eventually(s.rackConsole("node-2")).Should(ContainSubstring("step=" + step))
		Expect(syscall.Kill(s.agentOf("node-2"), what)).To(Succeed())
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.retriesOf("node-2")).To(Equal(2), "it is waited for, in vain")
		Expect(o.retriesOf("node-1")).To(Equal(0))
	},
		Entry("killed while they format", syscall.SIGKILL, "format_deploy_part"),
		Entry("killed in the chain", syscall.SIGKILL, "send_environment"),
		Entry("killed while they sync", syscall.SIGKILL, "sync"),
		Entry("killed while they leave", syscall.SIGKILL, "umount_deploy_part"),
		Entry("stopped in the chain", syscall.SIGSTOP, "send_environment"),
	)

	It("come back by themselves when they froze in the chain, and cost no try", func() {
		s := processSite(blueprint{
			global: map[string]string{"broadcast_grace": "20", "chain_rate": "2MiB", "chain_stall": "0.5"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:30", "BroadcastEnv|BroadcastEnvChain:1:30", "BootNewEnv|BootNewEnvClassical:2:30"},
		})
		s.bigImage()
		o := s.begin(s.deployment())
		o.until("bytes on node-2", func(e *message.Event) bool { return e.GetNode().GetNode() == "node-2" && e.GetNode().GetBytes() > 0 })
		frozen := s.agentOf("node-2")
		Expect(syscall.Kill(frozen, syscall.SIGSTOP)).To(Succeed())
		skip := o.until("that it is skipped", func(e *message.Event) bool { return e.GetSkip() != nil }).GetSkip()
		Expect(syscall.Kill(frozen, syscall.SIGCONT)).To(Succeed())
		Expect(skip.GetNode()).To(Equal("node-2"))
		Expect(skip.GetBy()).To(Equal("node-1"))
		Expect(skip.GetCause()).To(ContainSubstring("silent"))
		Expect(skip.GetOffset()).To(BeNumerically(">", 0))
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.chains()).To(HaveLen(1))
		for _, node := range s.names() {
			Expect(o.retriesOf(node)).To(BeZero(), node)
			Expect(o.report(node).GetTransfer().GetLate()).To(Equal(node == "node-2"), node)
		}
	})

	It("call again when the server gave them up while they were frozen: their node is not booted, and loses no try", func() {
		s := processSite(blueprint{
			global: map[string]string{"chain_rate": "2MiB", "chain_stall": "0.5"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:60", "BroadcastEnv|BroadcastEnvChain:1:60", "BootNewEnv|BootNewEnvClassical:2:30"},
		})
		s.bigImage()
		o := s.begin(s.deployment())
		o.until("bytes on node-2", func(e *message.Event) bool { return e.GetNode().GetNode() == "node-2" && e.GetNode().GetBytes() > 0 })
		frozen := s.agentOf("node-2")
		Expect(syscall.Kill(frozen, syscall.SIGSTOP)).To(Succeed())
		o.enters("node-2", "await_agent")
		Expect(syscall.Kill(frozen, syscall.SIGCONT)).To(Succeed())
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.boots("node-2")).To(Equal(1))
		Expect(o.report("node-2").GetTries()).To(BeEquivalentTo(1))
	})

	It("end with the tree, whatever they do", func() {
		s := processSite(blueprint{node: map[int]string{1: "sandbox_fault=hung-order:create_partition_table", 2: "sandbox_fault=hung-order:send_environment"}})
		o := s.begin(s.deployment())
		o.enters("node-1", "create_partition_table")
		o.enters("node-2", "send_environment")
		Expect(processesOf(s.dir)).NotTo(BeEmpty())
	})
})

func (s *site) rackConsole(node string) func() string {
	return func() string { return strings.Join(s.rack.Console(node), "\n") }
}
