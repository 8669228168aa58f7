package actors_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

var _ = It("times", func() {
	s := newSite(blueprint{})
	o := s.run(s.deployment())
	for _, e := range o.events {
		fmt.Println(e.GetTime().AsTime().Format("05.000"), e.GetNode().GetNode(), e.GetNode().GetMicro(), e.GetNode().GetPhase(), e.GetChain(), e.GetNote())
	}
})
