package actors_test

import (
	"math"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
)

var _ = Describe("What an agent says of its progress", func() {
	It("is merged before it is numbered: twenty events for an image, and its end is one of them", func() {
		var reports []int64
		for n := range int64(1001) {
			reports = append(reports, n*1000)
		}
		told := actors.Told(1_000_000, reports...)
		Expect(told).To(HaveLen(20))
		Expect(told[0]).To(BeEquivalentTo(50_000))
		Expect(told[19]).To(BeEquivalentTo(1_000_000))
	})

	It("costs no more events when it says the end again and again, goes back, or tells of more than there is", func() {
		Expect(actors.Told(1000, 1000, 1000, 1000, 0, 1000, -5, 2000, 3000, math.MaxInt64, 1000)).To(Equal([]int64{1000}))
	})

	It("of an image of a few bytes is every byte", func() {
		Expect(actors.Told(3, 0, 1, 2, 3, 3)).To(Equal([]int64{1, 2, 3}))
	})
})
