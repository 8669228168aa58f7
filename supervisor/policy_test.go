package supervisor_test

import (
	"math"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

var _ = DescribeTable("Quorum", func(total, ok, failed, min int, want supervisor.Standing) {
	Expect(supervisor.Quorum(total, ok, failed, min)).To(Equal(want))
},
	Entry("nothing has ended", 10, 0, 0, 7, supervisor.Continue),
	Entry("one is missing", 10, 6, 3, 7, supervisor.Continue),
	Entry("just enough", 10, 7, 0, 7, supervisor.Succeed),
	Entry("just enough, all others failed", 10, 7, 3, 7, supervisor.Succeed),
	Entry("one too many failed", 10, 6, 4, 7, supervisor.Fail),
	Entry("one too many failed before any succeeded", 10, 0, 4, 7, supervisor.Fail),
	Entry("all are asked for by 0", 3, 2, 0, 0, supervisor.Continue),
	Entry("all are asked for by 0, one failed", 3, 2, 1, 0, supervisor.Fail),
	Entry("all are asked for by a number too large", 3, 3, 0, 4, supervisor.Succeed),
	Entry("nobody", 0, 0, 0, 0, supervisor.Succeed),
)

var _ = Describe("RetryPolicy", func() {
	policy := supervisor.RetryPolicy{
		States: map[string]supervisor.Retry{
			"kexec":  {Tries: 2, Min: time.Second, Max: 10 * time.Second, Fallback: "reboot", Timeout: time.Minute},
			"reboot": {Tries: 6, Min: time.Second, Max: 10 * time.Second},
			"once":   {},
			"loop":   {Tries: 1, Fallback: "loop"},
			"steady": {Tries: 9, Min: 3 * time.Second},
		},
		Other: supervisor.Retry{Tries: 2},
	}

	DescribeTable("says what follows from a failure", func(state string, n int, want supervisor.Next) {
		Expect(policy.After(state, n)).To(Equal(want))
	},
		Entry("first try", "kexec", 1, supervisor.Next{Again: true, State: "kexec", Delay: time.Second}),
		Entry("tries used up: the fallback, at once", "kexec", 2, supervisor.Next{Again: true, State: "reboot"}),
		Entry("doubled", "reboot", 3, supervisor.Next{Again: true, State: "reboot", Delay: 4 * time.Second}),
		Entry("at most Max", "reboot", 5, supervisor.Next{Again: true, State: "reboot", Delay: 10 * time.Second}),
		Entry("tries used up", "reboot", 6, supervisor.Next{}),
		Entry("without a Max", "steady", 8, supervisor.Next{Again: true, State: "steady", Delay: 3 * time.Second}),
		Entry("one try", "once", 1, supervisor.Next{}),
		Entry("a fallback to itself is none", "loop", 1, supervisor.Next{}),
		Entry("an unnamed state", "other", 1, supervisor.Next{Again: true, State: "other"}),
		Entry("an unnamed state, twice", "other", 2, supervisor.Next{}),
	)

	It("takes chance from outside only", func() {
		p := supervisor.RetryPolicy{Other: supervisor.Retry{Tries: 9, Min: 8 * time.Second, Jitter: 0.5}}
		Expect(p.After("s", 1).Delay).To(Equal(8 * time.Second))
		p.Rand = func() float64 { return 0.5 }
		Expect(p.After("s", 1).Delay).To(Equal(6 * time.Second))
	})

	It("gives the time-out of a state to whoever runs it", func() {
		Expect(policy.Of("kexec").Timeout).To(Equal(time.Minute))
	})
})

// FuzzDelay: whatever a site configures, a delay is neither negative nor longer than asked for.
func FuzzDelay(f *testing.F) {
	f.Add(int64(time.Second), int64(time.Minute), 3, 0.3, 0.9)
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), math.MaxInt-1, 1.0, 0.999)
	f.Add(int64(-1), int64(-5), 2, -1.0, 0.5)
	f.Add(int64(1), int64(math.MaxInt64), 70, 7.0, 0.0)
	f.Fuzz(func(t *testing.T, low, high int64, n int, jitter, chance float64) {
		if !(chance >= 0 && chance < 1) || n < 1 || n == math.MaxInt || math.IsNaN(jitter) {
			return
		}
		r := supervisor.Retry{Tries: n + 1, Min: time.Duration(low), Max: time.Duration(high), Jitter: jitter}
		p := supervisor.RetryPolicy{Other: r, Rand: func() float64 { return chance }}
		if d := p.After("s", n).Delay; d < 0 || d > max(r.Min, r.Max, 0) {
			t.Errorf("delay %v of %+v", d, r)
		}
	})
}
