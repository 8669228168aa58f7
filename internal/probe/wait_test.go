package probe_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/probe"
)

// inFakeTime runs the spec in a bubble where time passes at once when everybody waits.
func inFakeTime(spec func()) func() {
	return func() {
		synctest.Test(suiteT, func(*testing.T) {
			defer GinkgoRecover()
			spec()
		})
	}
}

var _ = Describe("Waiting for a node", func() {
	rhythm := probe.WaitConfig{FirstProbe: 20 * time.Second, Interval: 5 * time.Second, Timeout: 120 * time.Second}

	It("looks first after FirstProbe, then at each interval, until the answer is yes", inFakeTime(func() {
		start := time.Now()
		var looks []time.Duration
		err := probe.Wait(context.Background(), rhythm, func(context.Context) (bool, string) {
			looks = append(looks, time.Since(start))
			return len(looks) == 3, "not yet"
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(looks).To(Equal([]time.Duration{20 * time.Second, 25 * time.Second, 30 * time.Second}))
	}))

	Context("when the node never comes up", func() {
		It("ends at the timeout with the reason of the last look", inFakeTime(func() {
			start := time.Now()
			err := probe.Wait(context.Background(), rhythm, func(context.Context) (bool, string) {
				return false, "ssh port 22 refused, marker port 25300 refused"
			})
			Expect(err).To(MatchError(probe.ErrTimeout))
			Expect(err).To(MatchError("not up after 2m0s: ssh port 22 refused, marker port 25300 refused"))
			Expect(time.Since(start)).To(Equal(120 * time.Second))
		}))

		It("cuts short a look that takes longer than the time left, and keeps what was known before", inFakeTime(func() {
			start, looks := time.Now(), 0
			err := probe.Wait(context.Background(), rhythm, func(ctx context.Context) (bool, string) {
				if looks++; looks == 1 {
					return false, "ssh port 22 refused"
				}
				<-ctx.Done()
				return false, "ssh port 22 does not answer"
			})
			Expect(err).To(MatchError("not up after 2m0s: ssh port 22 refused"))
			Expect(time.Since(start)).To(Equal(120 * time.Second))
		}))

		It("says so when the time was too short for a single look", inFakeTime(func() {
			err := probe.Wait(context.Background(), probe.WaitConfig{FirstProbe: time.Minute, Timeout: time.Second},
				func(context.Context) (bool, string) { panic("looked") })
			Expect(err).To(MatchError("not up after 1s: never probed"))
		}))
	})

	It("ends at once when its context is cancelled, with the context's error", inFakeTime(func() {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(33*time.Second, cancel)
		start := time.Now()
		err := probe.Wait(ctx, rhythm, func(context.Context) (bool, string) { return false, "ssh port 22 refused" })
		Expect(err).To(MatchError(context.Canceled))
		Expect(errors.Is(err, probe.ErrTimeout)).To(BeFalse())
		Expect(err).To(MatchError(ContainSubstring("ssh port 22 refused")))
		Expect(time.Since(start)).To(Equal(33 * time.Second))
	}))

	It("never spins when no interval is given", inFakeTime(func() {
		looks := 0
		err := probe.Wait(context.Background(), probe.WaitConfig{Timeout: 10 * time.Second}, func(context.Context) (bool, string) {
			looks++
			return false, "no"
		})
		Expect(err).To(MatchError(probe.ErrTimeout))
		Expect(looks).To(BeNumerically("<=", 11)) // the last may fall on the very end
	}))
})
