package nodeset_test

import (
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

var _ = Describe("Expand", func() {
	DescribeTable("lists the names that a pattern stands for",
		func(pattern string, names ...string) {
			Expect(nodeset.Expand(pattern)).To(Equal(names))
		},
		Entry("a plain name", "login.lab", "login.lab"),
		Entry("a range", "node-[1-3].demo", "node-1.demo", "node-2.demo", "node-3.demo"),
		Entry("items and ranges", "n[1,4-5]", "n1", "n4", "n5"),
		Entry("zeros kept when both ends have the same width", "n[08-11]", "n08", "n09", "n10", "n11"),
		Entry("plain numbers when the widths differ", "n[8-011]", "n8", "n9", "n10", "n11"),
		Entry("a lone number as it is written", "n[007]", "n007"),
		Entry("several brackets, the last one turning fastest", "r[1-2]n[1-2]", "r1n1", "r1n2", "r2n1", "r2n2"),
		Entry("several patterns", "a[1-2],b", "a1", "a2", "b"),
		Entry("the last octet of addresses", "10.0.0.[9-10]", "10.0.0.9", "10.0.0.10"),
		Entry("repeated names stay", "[1,1]", "1", "1"),
	)

	DescribeTable("says where the pattern is wrong",
		func(pattern string, offset int, msg string) {
			_, err := nodeset.Expand(pattern)
			var syntax *nodeset.SyntaxError
			Expect(errors.As(err, &syntax)).To(BeTrue())
			Expect(syntax.Offset).To(Equal(offset))
			Expect(err).To(MatchError(ContainSubstring(msg)))
		},
		Entry("nothing", "", 0, "empty name"),
		Entry("nothing after a comma", "a,", 2, "empty name"),
		Entry("an open bracket", "n[1-2", 1, "[ without ]"),
		Entry("a lone closing bracket", "n1]", 2, "] without ["),
		Entry("an empty bracket", "n[]", 2, "a number is missing"),
		Entry("an empty item", "n[1,,2]", 4, "a number is missing"),
		Entry("an open range", "n[1-]", 4, "a number is missing"),
		Entry("letters", "n[1,a]", 4, `"a" is not a number`),
		Entry("a bracket in a bracket", "n[[1]]", 2, `"[1" is not a number`),
		Entry("letters after a dash", "n[1-x]", 4, `"x" is not a number`),
		Entry("a range that goes backwards", "n[5-3]", 2, "range 5-3 goes backwards"),
		Entry("numbers beyond counting", "n[1-99999999999999999999]", 4, "more than 9 digits"),
		Entry("too many names in one range", "n[0-100000]", 2, "more than 100000 names"),
		Entry("too many names by multiplication", "n[1-1000]m[1-1000]", 10, "more than 100000 names"),
		Entry("too many names over several patterns", "n[1-60000],m[1-60000]", 13, "more than 100000 names"),
		Entry("a fault in a later pattern", "ok,n[x]", 5, `"x" is not a number`),
	)

	It("gives as many names as the limit allows, and no more", func() {
		names, err := nodeset.Expand("n[1-100000]")
		Expect(err).NotTo(HaveOccurred())
		Expect(names).To(HaveLen(nodeset.Limit))
	})

	It("refuses names longer than a host name can be", func() {
		_, err := nodeset.Expand(strings.Repeat("x", nodeset.MaxName+1))
		Expect(err).To(MatchError("name longer than 255 bytes"))
	})
})

var _ = Describe("Fold", func() {
	DescribeTable("writes names compactly",
		func(folded string, names ...string) {
			Expect(nodeset.Fold(names)).To(Equal(folded))
		},
		Entry("nothing", ""),
		Entry("one name", "node-1.demo", "node-1.demo"),
		Entry("a run", "node-[1-3].demo", "node-3.demo", "node-1.demo", "node-2.demo"),
		Entry("runs and lone numbers", "n[1-2,7]", "n7", "n1", "n2"),
		Entry("across the number of digits", "n[8-11]", "n8", "n9", "n10", "n11"),
		Entry("with zeros", "n[08-11]", "n08", "n09", "n10", "n11"),
		Entry("with zeros that do not fit the next number", "n[0009,10]", "n0009", "n10"),
		Entry("padded and plain apart", "n[01-02,3]", "n01", "n02", "n3"),
		Entry("several families in natural order", "a[1-2].x,b,n[1-2].y", "n1.y", "n2.y", "a1.x", "b", "a2.x"),
		Entry("only the number before the first dot", "n1.r1,n1.r2", "n1.r1", "n1.r2"),
		Entry("repetitions once", "n[1-2]", "n1", "n2", "n1"),
		Entry("numbers too long to count", "n1234567890", "n1234567890"),
	)

	It("leaves the names it was given in their order", func() {
		names := []string{"b", "a"}
		nodeset.Fold(names)
		Expect(names).To(Equal([]string{"b", "a"}))
	})
})

var _ = Describe("Less", func() {
	DescribeTable("orders names as people count",
		func(before, after string) {
			Expect(nodeset.Less(before, after)).To(BeTrue())
			Expect(nodeset.Less(after, before)).To(BeFalse())
		},
		Entry("by value", "node-2", "node-10"),
		Entry("by value in the middle", "n2.b", "n10.a"),
		Entry("by letters first", "a10", "b2"),
		Entry("the shorter first", "node", "node-1"),
		Entry("leading zeros as text", "n01", "n1"),
		Entry("numbers of any length", "n99999999999999999998", "n99999999999999999999"),
		Entry("digits against letters", "n1", "na"),
	)

	It("does not order a name before itself", func() {
		Expect(nodeset.Less("n1", "n1")).To(BeFalse())
	})
})
