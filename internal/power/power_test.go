package power_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
)

var _ = Describe("Levels of power", func() {
	DescribeTable("escalate from what failed to what is stronger",
		func(from power.Level, tried ...power.Level) { Expect(power.Escalate(from)).To(Equal(tried)) },
		Entry("from the first attempt", power.Soft, power.Soft, power.Hard, power.VeryHard),
		Entry("from a retry, which starts at hard", power.Hard, power.Hard, power.VeryHard),
		Entry("from the last", power.VeryHard, power.VeryHard),
	)

	It("offers nothing for a level that does not exist", func() {
		Expect(power.Escalate("gentle")).To(BeEmpty())
	})

	It("reads back every level it knows and refuses others by name", func() {
		for _, l := range power.Levels() {
			Expect(power.ParseLevel(string(l))).To(Equal(l))
		}
		_, err := power.ParseLevel("gentle")
		Expect(err).To(MatchError(`unknown power level "gentle" (known: soft, hard, very_hard)`))
	})

	DescribeTable("name the commands of the configuration",
		func(op power.Op, level power.Level, key string) { Expect(power.Key(op, level)).To(Equal(key)) },
		Entry(nil, power.OpReboot, power.Soft, "reboot_soft"),
		Entry(nil, power.OpReboot, power.VeryHard, "reboot_very_hard"),
		Entry(nil, power.OpOn, power.Hard, "power_on_hard"),
		Entry(nil, power.OpOff, power.Soft, "power_off_soft"),
		Entry(nil, power.OpStatus, power.Soft, "power_status"),
	)
})
