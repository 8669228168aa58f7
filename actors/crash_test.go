package actors_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// crash makes an actor panic, and waits until its supervisor has noticed.
func (s *site) crash(name string, poison any) {
	GinkgoHelper()
	before := s.counters.Of(supervisor.ChildFailed)
	s.system.Root.Send(s.pid(name), poison)
	Eventually(func() int64 { return s.counters.Of(supervisor.ChildFailed) }).Should(BeNumerically(">", before))
}

var _ = Describe("A crash", func() {
	DescribeTable("of a permanent actor costs at most a try", func(name, when string) {
		s := newSite(blueprint{node: map[int]string{1: "sandbox_fault=slow-boot:0.3 timeout_reboot=5"}})
		o := s.begin(s.deployment())
		o.enters("node-1", when)
		s.crash("root/"+name, actors.Poison(name))
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		after := s.run(s.deployment())
		Expect(after.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), after.ended.String())
		Expect(s.states()).To(Equal([]string{"deployed", "deployed", "deployed"}))
	},
		Entry("the journal", "journal", "wait_reboot"),
		Entry("the configuration", "config", "wait_reboot"),
		Entry("who keeps the rights", "access", "wait_reboot"),
		Entry("who keeps the environments", "catalogue", "wait_reboot"),
		Entry("who reads the history", "history", "wait_reboot"),
		Entry("the boot service while a machine boots", "netboot", "wait_reboot"),
		Entry("the reboot window", "reboot", "reboot"),
		Entry("the agents before they call", "agents", "wait_reboot"),
		Entry("the agents while they work", "agents", "format_deploy_part"),
	)

	It("of a request's own actor fails the request and frees its nodes", func() {
		s := newSite(blueprint{cluster: map[string]string{"sandbox_boot_delay": "0.3"}})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		s.crash("root/deployments/"+o.id, actors.PoisonDeployment())
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring("internal error"))
		Expect(o.phases()).To(Equal(all(s, message.NodePhase_KO)))
		Expect(s.states()).To(Equal([]string{"deploy_failed", "deploy_failed", "deploy_failed"}))
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	DescribeTable("of the journal never leaves a client without the end", func(memory bool) {
		s := newSite(blueprint{nodes: 1, memory: memory, node: map[int]string{1: "sandbox_fault=never-boots timeout_reboot=60"}})
		for range 4 { // one more and the server would give up
			o := s.begin(s.deployment())
			o.enters("node-1", "wait_reboot")
			s.system.Root.Send(s.pid("root/journal"), actors.Poison("journal"))
			s.cancel(o.id)
			o.end()
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ABORTED))
		}
	},
		Entry("when it forgets with the process", false),
		Entry("when it writes to a database", true),
	)

	It("of who runs the requests ends those under way and frees their nodes", func() {
		s := newSite(blueprint{cluster: map[string]string{"sandbox_boot_delay": "0.3"}})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		s.system.Root.Stop(s.pid("root/deployments"))
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring("lost this operation"))
		Expect(s.states()).To(Equal([]string{"aborted", "aborted", "aborted"}))
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("in the task of a node costs that node only", func() {
		s := newSite(blueprint{
			node: map[int]string{2: "sandbox_fault=never-boots timeout_reboot=0.1"},
			console: func(s *site, node string) []string {
				if node == "node-2" {
					panic("a bug")
				}
				return s.rack.Console(node)
			},
		})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_PARTIAL), o.ended.String())
		Expect(o.report("node-2").GetCause()).To(ContainSubstring("internal error"))
		Expect(o.retriesOf("node-2")).To(Equal(0), "a bug is not tried again")
		Expect(s.log.String()).To(ContainSubstring("bug in the actor of a node"))
	})

	It("in a power driver costs that node only", func() {
		s := newSite(blueprint{driver: func(s *site) power.Driver {
			return driverFunc(func(ctx context.Context, t power.Target, op power.Op, level power.Level) (power.Status, error) {
				if t.Name == "node-3" {
					panic("a bug of the driver")
				}
				return s.rack.Do(ctx, t, op, level)
			})
		}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_PARTIAL), o.ended.String())
		Expect(o.report("node-3").GetCause()).To(ContainSubstring("power driver of node-3"))
	})
})

// driverFunc makes a power driver of a function.
type driverFunc func(context.Context, power.Target, power.Op, power.Level) (power.Status, error)

func (f driverFunc) Do(ctx context.Context, t power.Target, op power.Op, level power.Level) (power.Status, error) {
	return f(ctx, t, op, level)
}

var _ = Describe("A reload", func() {
	It("is seen by the next request", func() {
		s := newSite(blueprint{})
		r := s.deployment("node-1")
		r.Environment = nil
		Expect(s.client().refused(r).GetText()).To(ContainSubstring("no environment"))
		s.global = map[string]string{"environment": "image.env"}
		s.writeConfig()
		Expect(actors.Reload(context.Background(), s.system)).To(Succeed())
		again := s.deployment("node-1")
		again.Environment = nil
		Expect(s.run(again).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("of a configuration with errors changes nothing and names them", func() {
		s := newSite(blueprint{})
		s.file("nodes.conf", strings.Repeat("node-1 127.0.0.1 nowhere\n", 2))
		Expect(actors.Reload(context.Background(), s.system)).To(MatchError(ContainSubstring("nowhere")))
		Expect(s.states()).To(HaveLen(3))
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})
})

var _ = Describe("A server that stops", func() {
	It("cancels what runs, tells those who watch, and accepts nothing more", func() {
		s := newSite(blueprint{node: map[int]string{1: "sandbox_fault=never-boots timeout_reboot=60"}})
		o := s.begin(s.deployment())
		o.enters("node-1", "wait_reboot")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			actors.Drain(ctx, s.system)
		}()
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ABORTED))
		Expect(o.ended.GetText()).To(ContainSubstring("the server is stopping"))
		Expect(s.client().refused(s.deployment("node-2")).GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Consistently(drained).ShouldNot(BeClosed(), "a client still watches")
		o.send(&message.Unsubscribe{Id: o.id, ClientId: o.client.id})
		Eventually(drained).Should(BeClosed())
	})
})
