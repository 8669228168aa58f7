package deploysystem

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The clock of a machine", func() {
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

	DescribeTable("is set to the server's time",
		func(believed time.Time, set bool) {
			at, wrong := clock(noon.Unix(), believed, 20*time.Second)
			Expect(wrong).To(Equal(set))
			if set {
				Expect(at).To(BeTemporally("==", noon.Add(20*time.Second)))
			}
		},
		Entry("when its battery is dead", time.Unix(0, 0), true),
		Entry("when it keeps the time of a place in the west", noon.Add(-5*time.Hour), true),
		Entry("when it is in another year", noon.AddDate(1, 0, 0), true),
		Entry("not when it is hours ahead: the boot profile may be old", noon.Add(5*time.Hour), false),
		Entry("not when it is right", noon.Add(time.Minute), false),
	)

	It("is left alone when the server has not said the time", func() {
		_, wrong := clock(0, time.Unix(0, 0), time.Second)
		Expect(wrong).To(BeFalse())
		Expect(parseWords("quiet kadeploy.time=soon").time).To(BeZero())
		Expect(parseWords("quiet kadeploy.time=1700000000 kadeploy.shell=1").time).To(BeEquivalentTo(1700000000))
	})
})
