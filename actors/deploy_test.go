package actors_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A deployment", func() {
	It("puts the image on every node, boots it and says so", func() {
		s := newSite(blueprint{})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		for _, node := range s.names() {
			root := s.root(node)
			for _, e := range contents() {
				if e.link != "" {
					Expect(os.Readlink(filepath.Join(root, e.name))).To(Equal(e.link))
				} else {
					Expect(os.ReadFile(filepath.Join(root, e.name))).To(BeEquivalentTo(e.content))
				}
			}
			Expect(o.report(node).GetPhase()).To(Equal(message.NodePhase_OK))
			Expect(o.report(node).GetTries()).To(BeEquivalentTo(1))
			state := s.state(node)
			Expect(state.GetState()).To(Equal("deployed"))
			Expect(state.GetEnvironment()).To(Equal("tiny:7"))
			Expect(state.GetUser()).To(Equal("ada"))
		}
		Expect(o.events[0].GetStarted().GetNodes()).To(HaveLen(3))
		Expect(o.chains()).To(Equal([][]string{{"node-1", "node-2", "node-3"}}))
	})
})
