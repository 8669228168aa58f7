package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/time/rate"
)

// pretended is a transfer that sends frames of 64 KiB, as fast as all its limits let it, as a chain's head does.
type pretended struct {
	limits []*rate.Limiter
	bytes  int64
}

func (p *pretended) run(ctx context.Context) {
	for {
		for _, l := range p.limits {
			if l.WaitN(ctx, 64<<10) != nil {
				return
			}
		}
		p.bytes += 64 << 10
	}
}

// sending runs the transfers side by side for a time of no duration.
func sending(d time.Duration, all ...*pretended) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Wait()
}

var _ = Describe("The server's uplink", func() {
	const second = 10 << 20 // bytes
	inFakeTime := func(body func()) {
		synctest.Test(SuiteT, func(*testing.T) {
			defer GinkgoRecover()
			body()
		})
	}

	It("is shared evenly by all broadcasts", func() {
		inFakeTime(func() {
			uplink := newLimiter(second)
			one, two := &pretended{limits: []*rate.Limiter{uplink}}, &pretended{limits: []*rate.Limiter{uplink}}
			sending(10*time.Second, one, two)
			Expect(one.bytes + two.bytes).To(BeNumerically("~", 10*second, second/10))
			Expect(one.bytes).To(BeNumerically("~", two.bytes, second/10))
		})
	})

	It("gives a broadcast what a bounded one does not take", func() {
		inFakeTime(func() {
			uplink := newLimiter(second)
			bounded := &pretended{limits: []*rate.Limiter{newLimiter(second / 10), uplink}}
			free := &pretended{limits: []*rate.Limiter{newLimiter(0), uplink}}
			sending(10*time.Second, bounded, free)
			Expect(bounded.bytes).To(BeNumerically("~", second, second/10))
			Expect(free.bytes).To(BeNumerically("~", 9*second, second/5))
		})
	})

	It("follows the configuration while broadcasts run", func() {
		inFakeTime(func() {
			uplink := newLimiter(second)
			one := &pretended{limits: []*rate.Limiter{uplink}}
			timer := time.AfterFunc(5*time.Second, func() { setLimit(uplink, 3*second) })
			defer timer.Stop()
			sending(10*time.Second, one)
			Expect(one.bytes).To(BeNumerically("~", 5*second+15*second, second/5))
		})
	})

	It("has no limit where none is set", func() {
		Expect(newLimiter(0).WaitN(context.Background(), 1<<30)).To(Succeed())
	})
})
