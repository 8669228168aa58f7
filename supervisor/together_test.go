package supervisor_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

var _ = Describe("Functions that a task runs together", func() {
	until := func(end context.Context) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-end.Done():
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}

	It("run at once", func(ctx SpecContext) {
		met, meet := context.WithCancel(ctx)
		Expect(supervisor.Together(ctx, until(met), func(context.Context) error { meet(); return nil })).To(Succeed())
	}, NodeTimeout(10*time.Second))

	It("end with the first error, which ends the others", func(ctx SpecContext) {
		broken := errors.New("broken")
		Expect(supervisor.Together(ctx, until(ctx), func(context.Context) error { return broken })).To(MatchError(broken))
	}, NodeTimeout(10*time.Second))

	It("panic in the task when one of them does, once all have ended", func(ctx SpecContext) {
		ended := false
		Expect(func() {
			_ = supervisor.Together(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				ended = true
				return ctx.Err()
			}, func(context.Context) error { panic("a bug") })
		}).To(PanicWith(HaveField("Value", "a bug")))
		Expect(ended).To(BeTrue())
	}, NodeTimeout(10*time.Second))
})
