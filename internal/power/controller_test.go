package power_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
)

// slow is a controller whose orders show after a time.
type slow struct {
	now   power.Status
	takes time.Duration
	since time.Time
	next  power.Status
	told  []power.Action
}

func (s *slow) Status(ctx context.Context) (power.Status, error) {
	if s.next != "" && time.Since(s.since) >= s.takes {
		s.now, s.next = s.next, ""
	}
	return s.now, ctx.Err()
}

func (s *slow) Order(_ context.Context, a power.Action) error {
	s.told = append(s.told, a)
	s.since, s.next = time.Now(), map[power.Action]power.Status{power.TurnOn: power.On, power.CutOff: power.Off, power.Shutdown: power.Off}[a]
	return nil
}

var _ = Describe("An order to a controller", func() {
	inFakeTime := func(body func(ctx context.Context)) {
		synctest.Test(suiteT, func(*testing.T) {
			defer GinkgoRecover()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			body(ctx)
		})
	}

	It("is done when the controller shows it, not when it was taken", func() {
		inFakeTime(func(ctx context.Context) {
			start := time.Now()
			Expect(power.Carry(ctx, &slow{now: power.Off, takes: 3 * time.Second}, power.OpOn, power.Hard, power.Patience{})).To(Equal(power.On))
			Expect(time.Since(start)).To(Equal(3 * time.Second))
		})
	})

	It("is a failure when it does not show in time", func() {
		inFakeTime(func(ctx context.Context) {
			start := time.Now()
			_, err := power.Carry(ctx, &slow{now: power.On, takes: time.Hour}, power.OpOff, power.Hard, power.Patience{})
			Expect(err).To(MatchError("off: taken, but the controller says power is still on: 10s later"))
			Expect(time.Since(start)).To(Equal(10 * time.Second))
		})
	})

	It("to shut down has all the time that the caller gives", func() {
		inFakeTime(func(ctx context.Context) {
			s := &slow{now: power.On, takes: 90 * time.Second}
			Expect(power.Carry(ctx, s, power.OpOff, power.Soft, power.Patience{})).To(Equal(power.Off))
		})
		inFakeTime(func(ctx context.Context) {
			_, err := power.Carry(ctx, &slow{now: power.On, takes: time.Hour}, power.OpOff, power.Soft, power.Patience{})
			Expect(err).To(MatchError(context.DeadlineExceeded))
		})
	})

	It("to cut the current leaves the machine without for a moment", func() {
		inFakeTime(func(ctx context.Context) {
			start := time.Now()
			s := &slow{now: power.On}
			Expect(power.Carry(ctx, s, power.OpReboot, power.VeryHard, power.Patience{Rest: 7 * time.Second})).To(Equal(power.On))
			Expect(s.told).To(Equal([]power.Action{power.CutOff, power.TurnOn}))
			Expect(time.Since(start)).To(Equal(7 * time.Second))
		})
	})

	It("that does not show because the controller fell silent says so", func() {
		inFakeTime(func(ctx context.Context) {
			_, err := power.Carry(ctx, silent{}, power.OpReboot, power.Hard, power.Patience{})
			Expect(err).To(MatchError("no answer"))
		})
	})
})

// silent is a controller that does not answer.
type silent struct{}

func (silent) Status(context.Context) (power.Status, error) {
	return power.Unknown, errors.New("no answer")
}
func (silent) Order(context.Context, power.Action) error { return nil }
