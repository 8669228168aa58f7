package actors_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
)

// profileOf is a node's boot profile, as whoever can reach the TFTP server reads it.
func (s *site) profileOf(n int) string {
	GinkgoHelper()
	a := s.addr(n).As4()
	text, err := os.ReadFile(s.snapshot.Global.ProfilePath + fmt.Sprintf("/%02X%02X%02X%02X", a[0], a[1], a[2], a[3]))
	Expect(err).To(Or(BeNil(), MatchError(os.ErrNotExist)))
	return string(text)
}

// bootOf is what the profile tells the agent.
func (s *site) bootOf(n int) agent.Boot {
	GinkgoHelper()
	_, line, found := strings.Cut(s.profileOf(n), "APPEND ")
	Expect(found).To(BeTrue())
	boot, err := agent.ParseCmdline(line)
	Expect(err).NotTo(HaveOccurred())
	return boot
}

// call is an agent that the spec runs with a boot of a node; what became of it.
func (s *site) call(n int, boot agent.Boot) <-chan error {
	GinkgoHelper()
	disk, err := dirdisk.Open(dirdisk.Config{Root: GinkgoT().TempDir()})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	ended, stopped := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(stopped)
		_, err := agent.Run(ctx, agent.Config{
			Server: boot.Server, Node: boot.Node, Token: boot.Token, Pin: boot.Pin, Machine: disk, Address: s.addr(n),
			Log: s.logger(),
		})
		ended <- err
	}()
	DeferCleanup(func() { cancel(); <-stopped })
	return ended
}

func refuses(ended <-chan error, why string) {
	GinkgoHelper()
	var err error
	Eventually(ended, patience).Should(Receive(&err))
	Expect(err).To(MatchError(And(ContainSubstring("refuses this agent"), ContainSubstring(why))))
}

// powerless are nodes that never boot by themselves, so that a spec can.
var powerless = map[int]string{1: "sandbox_fault=never-boots timeout_reboot=60", 2: "sandbox_fault=never-boots timeout_reboot=60"}

// patientMacros have one try of everything, for as long as a spec needs.
var patientMacros = []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:60", "BroadcastEnv|BroadcastEnvChain:1:60", "BootNewEnv|BootNewEnvClassical:1:60"}

const unexpected = "the server does not expect this boot: its token is unknown, was used or came too late"

var _ = Describe("The agent of a node", func() {
	It("is the one that the boot profile was written for: its token is used once, and all else in it is no secret", func() {
		s := newSite(blueprint{nodes: 2, node: powerless, macros: patientMacros})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		boot := s.bootOf(1)
		Expect(boot.Node).To(Equal("node-1"))
		Expect(boot.Pin).To(Equal(s.pki.Pin()))
		Expect(strings.Count(s.profileOf(1), "kadeploy.")).To(Equal(6), s.profileOf(1))
		s.call(1, boot)
		o.enters("node-1", "create_partition_table")
		refuses(s.call(2, boot), unexpected)
		Expect(s.log.String()).NotTo(ContainSubstring(boot.Token))
		s.cancel(o.id)
		o.end()
	})

	It("is refused with the token of another node, under whatever name", func() {
		s := newSite(blueprint{nodes: 2, node: powerless, macros: patientMacros})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		boot := s.bootOf(1)
		boot.Node = "node-2"
		var err error
		Eventually(s.call(1, boot), patience).Should(Receive(&err))
		Expect(err).To(MatchError(ContainSubstring("the token is of ka://node/node-1, and this is node node-2")))
		s.cancel(o.id)
		o.end()
	})

	It("is not expected any more once its operation has ended, whether it has called or not", func() {
		s := newSite(blueprint{nodes: 2, node: powerless, macros: patientMacros})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		Eventually(func() string { return s.profileOf(2) }, patience).Should(ContainSubstring("kadeploy.token="))
		called, late := s.call(1, s.bootOf(1)), s.bootOf(2)
		o.enters("node-1", "create_partition_table")
		s.cancel(o.id)
		o.end()
		var err error
		Eventually(called, patience).Should(Receive(&err))
		Expect(err).To(MatchError(ContainSubstring("lost the server")))
		refuses(s.call(2, late), unexpected)
	})

	It("of an earlier boot is of no use once the next one was ordered", func() {
		s := newSite(blueprint{nodes: 1, node: powerless, macros: []string{
			"SetDeploymentEnv|SetDeploymentEnvUntrusted:2:1", "BroadcastEnv|BroadcastEnvChain:1:60", "BootNewEnv|BootNewEnvClassical:1:60",
		}})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		first := s.bootOf(1)
		Eventually(func() string { return s.bootOf(1).Token }, patience).ShouldNot(Equal(first.Token), "the second try")
		refuses(s.call(1, first), unexpected)
		o.end()
	})

	It("does not speak to who has another pin, and the true one gets through afterwards", func() {
		s := newSite(blueprint{nodes: 1, node: powerless, macros: patientMacros})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		boot := s.bootOf(1)
		wrong := boot
		wrong.Pin = "sha256:" + strings.Repeat("0", 64)
		var err error
		Eventually(s.call(1, wrong), patience).Should(Receive(&err))
		Expect(err).To(MatchError(ContainSubstring("the server is not the one of the fingerprint")))
		s.call(1, boot)
		o.enters("node-1", "create_partition_table")
		s.cancel(o.id)
		o.end()
	})

	DescribeTable("finds the server wherever it listens", func(listen string) {
		s := newSite(blueprint{global: map[string]string{"agents_listen": listen}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
	},
		Entry("on every address", "0.0.0.0:0"),
		Entry("on every address, by omission", ":0"),
		Entry("under a name", "localhost:0"),
	)
})
