package terminal_test

import (
	"bytes"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
)

var _ = Describe("lines", func() {
	var out bytes.Buffer
	var lines *terminal.Lines

	BeforeEach(func() {
		out = bytes.Buffer{}
		lines = terminal.NewLines(&out)
		lines.Event(at(0, started(1, "node-1.demo", "node-2.demo")))
		out.Reset()
	})

	last := func(seconds float64, fact any) string {
		out.Reset()
		lines.Event(at(seconds, fact))
		return out.String()
	}

	DescribeTable("say where a node stands", func(fact *message.NodeChanged, want string) {
		Expect(last(12.34, fact)).To(Equal("  12.3s node-1.demo  " + want + "\n"))
	},
		Entry("running", running("node-1.demo", "SetDeploymentEnv", "wait_reboot", 1), "SetDeploymentEnv/Untrusted wait_reboot"),
		Entry("on a later try", running("node-1.demo", "SetDeploymentEnv", "wait_reboot", 2), "SetDeploymentEnv/Untrusted wait_reboot (try 2)"),
		Entry("to be tried again", phase("node-1.demo", message.NodePhase_RETRYING, "no answer"), "failed in SetDeploymentEnv/Untrusted wait_reboot, to be tried again: no answer"),
		Entry("to be gone on with", &message.NodeChanged{Node: "node-1.demo", Phase: message.NodePhase_RETRYING, Macro: "BroadcastEnv", Instance: "Chain", Micro: "sync",
			Interrupted: timestamppb.Now(), Cause: "interrupted: the server was stopped"}, "in BroadcastEnv/Chain sync, to be gone on with: interrupted: the server was stopped"),
		Entry("OK", phase("node-1.demo", message.NodePhase_OK, ""), "OK"),
		Entry("KO", phase("node-1.demo", message.NodePhase_KO, "no answer"), "KO in SetDeploymentEnv/Untrusted wait_reboot: no answer"),
		Entry("KO before any step", &message.NodeChanged{Node: "node-1.demo", Phase: message.NodePhase_KO, Cause: "unknown"}, "KO: unknown"),
		Entry("cut", phase("node-1.demo", message.NodePhase_CUT, ""), "cut, enough nodes are OK"),
		Entry("cancelled", phase("node-1.demo", message.NodePhase_CANCELLED, "by bob"), "cancelled: by bob"),
		Entry("waiting for a step", phase("node-1.demo", message.NodePhase_WAITING, ""), "waiting SetDeploymentEnv/Untrusted wait_reboot"),
	)

	It("are silent about progress but for every quarter of the whole", func() {
		Expect(last(1, received("node-1.demo", 100))).To(HaveSuffix("send_environment\n"))
		Expect(last(1, received("node-1.demo", 200))).To(BeEmpty())
		Expect(last(2, received("node-1.demo", 500))).To(Equal("   2.0s broadcast    25 %\n"))
		Expect(last(2, received("node-1.demo", 600))).To(BeEmpty())
		Expect(last(3, received("node-2.demo", 1000))).To(ContainSubstring("broadcast    75 %"), "a quarter may be skipped")
		Expect(strings.Count(last(4, received("node-1.demo", 1000)), "100 %")).To(Equal(1))
	})

	It("say what the chain and the server say", func() {
		Expect(last(3, &message.ChainChanged{Text: "started with 2 nodes"})).To(Equal("   3.0s chain        started with 2 nodes\n"))
		Expect(last(3, &message.ChainChanged{Order: []string{"node-2.demo", "node-1.demo"}})).To(Equal("   3.0s chain        in the order node-2.demo, node-1.demo\n"))
		Expect(last(4, &message.Note{Text: "a\x1b[31m note"})).To(Equal("   4.0s note         a [31m note\n"))
		Expect(last(5, &message.Ended{})).To(BeEmpty(), "the summary is the command's")
	})

	DescribeTable("say who left the chain, by whom and why", func(s *message.ChainSkip, want string) {
		s.Node, s.Offset = "node-3.demo", 12<<20
		Expect(last(3, s)).To(Equal("   3.0s chain        node-3.demo " + want + "\n"))
	},
		Entry("gone round by the node before it", &message.ChainSkip{By: "node-2.demo", Cause: "silent for 2s"}, "skipped by node-2.demo at 12.0 MiB: silent for 2s"),
		Entry("gone round by the server", &message.ChainSkip{Cause: "connection refused"}, "skipped by the server at 12.0 MiB: connection refused"),
		Entry("by itself", &message.ChainSkip{By: "node-3.demo", Cause: "its disk is slow"}, "stepped out at 12.0 MiB: its disk is slow"),
		Entry("with words that a terminal would obey", &message.ChainSkip{By: "node-2\x1b[2J", Cause: "a\nb"}, "skipped by node-2 [2J at 12.0 MiB: a b"),
	)

	It("are silent about facts that a later server may tell", func() {
		Expect(last(3, nil)).To(BeEmpty())
	})

	It("hold no escape sequence at all", func() {
		lines.Event(at(6, phase("node-1.demo", message.NodePhase_OK, "")))
		lines.Notice("interrupted")
		Expect(out.String()).NotTo(ContainSubstring("\x1b"))
		Expect(out.String()).To(HaveSuffix("kadeploy: interrupted\n"))
	})
})
