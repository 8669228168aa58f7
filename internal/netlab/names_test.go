package netlab_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// What is asked of a lab is checked before anything is made, so this needs neither root nor tools.
var _ = Describe("A lab that cannot be", func() {
	DescribeTable("is refused in one line", func(hosts []string, want string) {
		_, err := netlab.New(netlab.Config{Hosts: hosts})
		Expect(err).To(MatchError(want))
	},
		Entry("when a name is given twice", []string{"a", "b", "a"}, `host name "a": given twice`),
		Entry("when a name is empty", []string{""}, `host name "": want letters, digits and dashes`),
		Entry("when a name is a path", []string{"../etc"}, `host name "../etc": want letters, digits and dashes`),
		Entry("when a name is the switch's", []string{"switch"}, `host name "switch": this is the switch's`),
		Entry("when the switch has too few ports", many(1001), "1001 hosts: a switch has room for 1000"),
	)
})

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	return names
}
