package enrol

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often who comes to the door may fail.
const (
	failuresAtOnce    = 10 // of one address or user
	failuresPerMinute = 10
	allAtOnce         = 200 // of the whole network
	allPerSecond      = 20
	maxRemembered     = 4096
)

// brake remembers failures. Who failed too often is not heard for a while; what succeeds costs nothing. Users of this machine do
// not count among the network: it cannot lock them out. Safe for concurrent use.
type brake struct {
	now func() time.Time

	mu  sync.Mutex
	all *rate.Limiter
	by  map[string]*rate.Limiter
}

func newBrake(now func() time.Time) *brake {
	return &brake{now: now, all: rate.NewLimiter(allPerSecond, allAtOnce), by: map[string]*rate.Limiter{}}
}

// open says whether a peer is heard. Requests that are under way meanwhile are too, which the bound of connections bounds.
func (b *brake) open(p peer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if !p.local && b.all.TokensAt(now) < 1 {
		return false
	}
	own, known := b.by[p.key()]
	return !known || own.TokensAt(now) >= 1
}

// fail notes a failure.
func (b *brake) fail(p peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if !p.local {
		b.all.AllowN(now, 1)
	}
	own, known := b.by[p.key()]
	if !known {
		if len(b.by) >= maxRemembered {
			b.forgive(now)
		}
		own = rate.NewLimiter(rate.Every(time.Minute/failuresPerMinute), failuresAtOnce)
		b.by[p.key()] = own
	}
	own.AllowN(now, 1)
}

// forgive drops who has not failed lately, and when all have, everybody: the bound of all is what holds such a crowd.
func (b *brake) forgive(now time.Time) {
	for key, own := range b.by {
		if own.TokensAt(now) >= failuresAtOnce {
			delete(b.by, key)
		}
	}
	if len(b.by) >= maxRemembered {
		clear(b.by)
	}
}
