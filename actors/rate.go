package actors

import (
	"time"

	"golang.org/x/time/rate"
)

// newLimiter lets so many bytes a second pass; 0 is no limit. Who comes first is served first: broadcasts that share it, of which each
// asks for a frame at a time, get as much as each other.
func newLimiter(bytesPerSecond int64) *rate.Limiter {
	l := rate.NewLimiter(0, 0)
	setLimit(l, bytesPerSecond)
	return l
}

// setLimit changes a limiter in use. A burst holds the largest request of a chain, and what it saves up bridges the sleep of whoever
// waits, which is never as short as asked for.
func setLimit(l *rate.Limiter, bytesPerSecond int64) {
	const (
		request = 64 << 10
		bridge  = 20 * time.Millisecond
	)
	l.SetBurst(max(request, int(float64(bytesPerSecond)*bridge.Seconds()))) // first: a request above the burst would fail
	if bytesPerSecond == 0 {
		l.SetLimit(rate.Inf)
		return
	}
	l.SetLimit(rate.Limit(bytesPerSecond))
}
