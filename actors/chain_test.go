package actors_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

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
})
