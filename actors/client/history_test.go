package client_test

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("An account of many pages", func() {
	page := func(node, next string) *message.Shown {
		return &message.Shown{Nodes: "of the first", Next: next,
			Results: []*message.PastResult{{Node: node}}, Tries: []*message.PastTry{{Node: node, Try: 1}, {Node: node, Try: 2}}}
	}

	It("is read to its end, and is one", func() {
		pages := map[string]*message.Shown{"": page("a", "a"), "a": page("b", "b"), "b": page("c", "")}
		pages["a"].Nodes = ""
		all, err := client.AllPages(func(after string) (*message.Shown, error) { return pages[after], nil })
		Expect(err).NotTo(HaveOccurred())
		Expect(all.GetNodes()).To(Equal("of the first"))
		Expect(all.GetResults()).To(HaveExactElements(HaveField("Node", "a"), HaveField("Node", "b"), HaveField("Node", "c")))
		Expect(all.GetTries()).To(HaveLen(6))
		Expect(all.GetNext()).To(BeEmpty())
	})

	It("is none when a page is missing", func() {
		_, err := client.AllPages(func(after string) (*message.Shown, error) {
			if after == "" {
				return page("a", "a"), nil
			}
			return nil, errors.New("forgotten meanwhile")
		})
		Expect(err).To(MatchError("forgotten meanwhile"))
	})
})
