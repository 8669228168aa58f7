package actors_test

import (
	"context"
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/power"
)

// switchPower is a request for the power of nodes.
func switchPower(what message.Operation, level string, nodes ...string) *message.Submit {
	return &message.Submit{ClientId: fmt.Sprint(what, level, nodes), User: "ada", Operation: what, RebootLevel: level, Nodes: nodes}
}

// powers are the states of nodes, as a user is told.
func (c *client) powers(nodes ...string) []string {
	GinkgoHelper()
	answer := c.ask(&message.PowerRequest{ClientId: "power", Nodes: nodes})
	Expect(answer).To(BeAssignableToTypeOf(&message.PowerStates{}), fmt.Sprint(answer))
	var all []string
	for _, s := range answer.(*message.PowerStates).GetNodes() {
		all = append(all, s.GetNode()+" "+s.GetState()+s.GetProblem())
	}
	return all
}

var _ = Describe("Power", func() {
	It("is switched by an operation, and shown by a question that changes nothing", func() {
		s := newSite(blueprint{})
		Expect(s.client().powers("node-2", "node-1")).To(Equal([]string{"node-2 off", "node-1 off"}))
		Expect(s.state("node-1").GetState()).To(Equal("free"))

		o := s.run(switchPower(message.Operation_POWER_ON, "soft", "node-1", "node-2"))
		Expect(o.phases()).To(HaveEach(message.NodePhase_OK))
		Expect(o.id).To(HavePrefix("P-"))
		Expect(s.client().powers("node-1", "node-2", "node-3")).To(Equal([]string{"node-1 on", "node-2 on", "node-3 off"}))
		Expect(s.state("node-1").GetState()).To(Equal("powered"))

		o = s.run(switchPower(message.Operation_POWER_CYCLE, "hard", "node-2"))
		Expect(o.phases()).To(HaveEach(message.NodePhase_OK))
		o = s.run(switchPower(message.Operation_POWER_OFF, "hard", "node-1"))
		Expect(o.phases()).To(HaveEach(message.NodePhase_OK))
		Expect(s.client().powers("node-1", "node-2")).To(Equal([]string{"node-1 off", "node-2 on"}))
	})

	It("leaves what is known of the disk alone", func() {
		s := newSite(blueprint{})
		Expect(s.run(s.deployment("node-1")).phases()).To(HaveEach(message.NodePhase_OK))
		before := s.state("node-1")
		s.run(switchPower(message.Operation_POWER_OFF, "hard", "node-1"))
		Expect(s.state("node-1").GetEnvironment()).To(Equal(before.GetEnvironment()))
		Expect(s.state("node-1").GetImage()).To(Equal(before.GetImage()))
	})

	It("is for those who have a right to the node, whatever they ask", func() {
		s := newSite(blueprint{})
		s.give(add("bob", "node-1"))
		Expect(s.clientOf("bob").powers("node-1")).To(Equal([]string{"node-1 off"}))
		Expect(s.clientOf("bob").refused(&message.PowerRequest{ClientId: "p", Nodes: []string{"node-1", "node-2"}}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(s.clientOf("bob").refused(switchPower(message.Operation_POWER_ON, "hard", "node-2")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(s.clientOf("bob").refused(&message.PowerRequest{ClientId: "q", Nodes: []string{"node-99"}}).GetText()).To(ContainSubstring(`unknown node "node-99"`))
	})

	It("of a node that is being deployed is its deployment's, but for an admin who insists", func() {
		s := stuck()
		s.give(add("bob", "*"))
		d := s.begin(s.deployment("node-1"))
		d.enters("node-1", "wait_reboot")

		no := s.client().refused(switchPower(message.Operation_POWER_OFF, "hard", "node-1"))
		Expect(no.GetCode()).To(Equal(message.Refusal_BUSY))
		Expect(no.GetBusy()[0].GetOperation()).To(Equal(d.id))
		forced := switchPower(message.Operation_POWER_OFF, "hard", "node-1")
		forced.Force, forced.ClientId = true, "forced"
		Expect(s.clientOf("bob").refused(forced).GetText()).To(ContainSubstring("by admins only"))

		o := s.run(forced)
		Expect(o.phases()).To(HaveEach(message.NodePhase_OK))
		Expect(s.client().powers("node-1")).To(Equal([]string{"node-1 off"}))
		Expect(s.state("node-1").GetOperation()).To(Equal(d.id)) // it still holds the node
		Expect(s.state("node-1").GetState()).To(Equal("deploying"))
		s.cancel(d.id)
		Eventually(func() string { return s.state("node-1").GetState() }).Should(Equal("aborted"))
	})

	It("that cannot be switched leaves a node KO that says why, and one that cannot be seen is not known", func() {
		s := newSite(blueprint{driver: func(s *site) power.Driver {
			return driverFunc(func(_ context.Context, t power.Target, op power.Op, _ power.Level) (power.Status, error) {
				if t.Name == "node-2" {
					return power.Unknown, errors.New("BMC: no answer")
				}
				return power.On, nil
			})
		}})
		o := s.run(switchPower(message.Operation_POWER_ON, "hard", "node-1", "node-2"))
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(o.report("node-2").GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(o.report("node-2").GetCause()).To(ContainSubstring("on very_hard: BMC: no answer"))
		Expect(s.state("node-2").GetState()).To(Equal("power_failed"))
		Expect(s.client().powers("node-1", "node-2")).To(Equal([]string{"node-1 on", "node-2 status: BMC: no answer"}))
	})
})
