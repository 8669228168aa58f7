package actors_test

import (
	"crypto/tls"
	"math/rand/v2"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
)

// bigImage makes the site's image one of 8 MiB: more than the smallest ring of a node holds.
func (s *site) bigImage() {
	GinkgoHelper()
	more := make([]byte, 8<<20)
	random := rand.NewChaCha8([32]byte{2})
	random.Read(more)
	s.file("images/image.tar", string(tarOf(append(contents(), entry{name: "usr/share/more", content: string(more)})...)))
}

// starts waits until a broadcast starts whose first node is this one.
func (o *operation) starts(node string) {
	GinkgoHelper()
	o.until("a broadcast to "+node, func(e *message.Event) bool {
		order := e.GetChain().GetOrder()
		return len(order) > 0 && order[0] == node
	})
}

// skips are the times that a node was told to have left the chain.
func (o *operation) skips(node string) []*message.ChainSkip {
	var all []*message.ChainSkip
	for _, e := range o.events {
		if s := e.GetSkip(); s.GetNode() == node {
			all = append(all, s)
		}
	}
	return all
}

// entered says whether a node was seen in a micro-step.
func (o *operation) entered(node, micro string) bool {
	for _, e := range o.events {
		if n := e.GetNode(); n.GetNode() == node && n.GetMicro() == micro && n.GetPhase() == message.NodePhase_RUNNING {
			return true
		}
	}
	return false
}

// reach waits until the nodes are, or were, in a micro-step.
func (o *operation) reach(micro string, nodes ...string) {
	GinkgoHelper()
	for _, node := range nodes {
		if !o.entered(node, micro) {
			o.enters(node, micro)
		}
	}
}

var _ = Describe("A broadcast", func() {
	It("goes through one switch after the other, and one rack after the other", func() {
		s := newSite(blueprint{nodes: 6, node: map[int]string{
			1: "switch=b rack=r1", 2: "switch=a rack=r2", 3: "switch=b rack=r1",
			4: "switch=c rack=r1", 5: "switch=a rack=r2", 6: "switch=b rack=r1",
		}, global: map[string]string{"broadcast_grace": "20"}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.chains()).To(Equal([][]string{{"node-1", "node-3", "node-6", "node-4", "node-2", "node-5"}}))
	})

	It("is told of each node: its place, what it got, and how long that took", func() {
		s := newSite(blueprint{global: map[string]string{"broadcast_grace": "20"}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		for i, node := range s.names() {
			t := o.report(node).GetTransfer()
			Expect(t.GetPosition()).To(BeEquivalentTo(i + 1))
			Expect(t.GetBytes()).To(BeEquivalentTo(len(theImage())))
			Expect(t.GetTook().AsDuration()).To(And(BeNumerically(">", 0), BeNumerically("<", patience)))
			Expect(t.GetSkips()).To(BeZero())
			Expect(t.GetLate()).To(BeFalse())
		}
	})

	It("takes no more of the network than it may", func() {
		s := newSite(blueprint{global: map[string]string{"broadcast_grace": "20", "chain_rate": "4MiB", "chain_rate_total": "1GiB"}})
		s.bigImage()
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.report("node-3").GetTransfer().GetTook().AsDuration()).To(BeNumerically(">", 1500*time.Millisecond))
	})

	It("shares the server's uplink with the others", func() {
		s := newSite(blueprint{nodes: 2, global: map[string]string{"chain_rate_total": "8MiB"}})
		s.bigImage()
		one, two := s.begin(s.deployment("node-1")), s.begin(s.deployment("node-2"))
		for _, o := range []*operation{one, two} {
			o.end()
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		}
		longer := max(one.report("node-1").GetTransfer().GetTook().AsDuration(), two.report("node-2").GetTransfer().GetTook().AsDuration())
		Expect(longer).To(BeNumerically(">", 1500*time.Millisecond))
	})

	It("is over at once when all of its nodes have failed since it was decided, and the next one begins", func() {
		s := newSite(blueprint{})
		Expect(actors.Broadcasts(s.system)).To(Equal(2))
	})

	It("is encrypted for all when one of its nodes asks for that", func() {
		s := newSite(blueprint{node: map[int]string{2: "chain_tls=true"}, global: map[string]string{"broadcast_grace": "20", "chain_rate": "2MiB"}})
		s.bigImage()
		o := s.begin(s.deployment())
		o.starts("node-1")
		for i := range s.nodes { // each speaks TLS with whoever calls it; in the clear a stranger's hello would be one without sense
			conn, err := tls.Dial("tcp", netip.AddrPortFrom(s.addr(i+1), 25303).String(), &tls.Config{InsecureSkipVerify: true})
			Expect(err).NotTo(HaveOccurred(), name(i+1))
			conn.Close()
		}
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.chains()).To(Equal([][]string{s.names()}))
	})
})

// withLateNode makes a site whose fourth node boots long after a broadcast to the others has started.
func withLateNode(second string) *site {
	GinkgoHelper()
	return newSite(blueprint{
		nodes:  4,
		node:   map[int]string{2: second, 4: "sandbox_fault=slow-boot:2 timeout_reboot=20"},
		global: map[string]string{"broadcast_grace": "1"},
	})
}

var _ = Describe("A node with a slow disk", func() {
	It("steps out of the chain, is fed behind it, and keeps nobody waiting who comes late", func() {
		s := withLateNode("sandbox_fault=slow-disk:1MiB chain_ring=1MiB chain_slow_disk=0.2")
		s.bigImage()
		o := s.begin(s.deployment())
		o.starts("node-4")
		Expect(o.entered("node-2", "check_kernel_files")).To(BeFalse(), "it still writes")
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.chains()).To(HaveLen(2))
		Expect(o.retriesOf("node-2")).To(BeZero())
		slow, fast := o.report("node-2").GetTransfer(), o.report("node-3").GetTransfer()
		Expect(slow.GetLate()).To(BeTrue())
		Expect(slow.GetPosition()).To(BeEquivalentTo(2))
		Expect(slow.GetTook().AsDuration()).To(BeNumerically(">", fast.GetTook().AsDuration()))
		Expect(fast.GetLate()).To(BeFalse())
		told := o.skips("node-2")
		Expect(told).To(HaveLen(1))
		Expect(told[0].GetBy()).To(Equal("node-2"))
		Expect(told[0].GetCause()).NotTo(BeEmpty())
		Expect(slow.GetSkips()).To(BeEquivalentTo(1))
		Expect(slow.GetSkipped()[0].GetCause()).To(Equal(told[0].GetCause()))
	})

	It("keeps nobody waiting once it has all in its memory", func() {
		s := withLateNode("sandbox_fault=slow-disk:192KiB")
		o := s.begin(s.deployment())
		o.starts("node-4")
		Expect(o.entered("node-2", "check_kernel_files")).To(BeFalse(), "it still writes")
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.chains()).To(HaveLen(2))
		Expect(o.skips("node-2")).To(BeEmpty())
	})

	It("stays in the chain as long as the configuration says", func() {
		s := newSite(blueprint{
			node:   map[int]string{2: "sandbox_fault=slow-disk:4MiB chain_ring=1MiB chain_slow_disk=0"},
			global: map[string]string{"broadcast_grace": "20"},
		})
		s.bigImage()
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.skips("node-2")).To(BeEmpty())
		Expect(o.report("node-2").GetTransfer().GetLate()).To(BeFalse())
	})

	It("is tried again when a try is not enough, and does not meet its own order then", func() {
		s := newSite(blueprint{
			node:   map[int]string{2: "sandbox_fault=slow-disk:64KiB"},
			global: map[string]string{"broadcast_grace": "20"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:20", "BroadcastEnv|BroadcastEnvChain:2:4", "BootNewEnv|BootNewEnvClassical:2:20"},
		})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_PARTIAL), o.ended.GetText())
		Expect(o.chains()).To(Equal([][]string{s.names(), {"node-2"}}))
		Expect(o.retriesOf("node-2")).To(Equal(1))
		Expect(o.report("node-2").GetCause()).To(ContainSubstring("not done in 4s"))
	})

	It("is all that is hit when the actor of its broadcast dies", func() {
		s := withLateNode("sandbox_fault=slow-disk:192KiB")
		o := s.begin(s.deployment())
		o.starts("node-4")
		o.reach("check_kernel_files", "node-1", "node-3")
		s.system.Root.Stop(s.pid("root/deployments/" + o.id + "/chain!1"))
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect([]int{o.retriesOf("node-1"), o.retriesOf("node-2"), o.retriesOf("node-3"), o.retriesOf("node-4")}).To(Equal([]int{0, 1, 0, 0}))
	})
})
