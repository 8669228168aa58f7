package supervisor

import "time"

// Retry says how one state is tried.
type Retry struct {
	Tries    int           // in all; below 1: one
	Min, Max time.Duration // delay before the second try, doubled before each further one up to Max (0: Min)
	Jitter   float64       // part of the delay that is left to chance, 0 to 1
	Timeout  time.Duration // of one try, for whoever runs it; 0: none
	Fallback string        // state to go on with when the tries are used up; "": none
}

// RetryPolicy holds the retries of a machine of states. It is pure: the caller counts the tries, Rand is the only
// source of chance.
type RetryPolicy struct {
	States map[string]Retry
	Other  Retry          // for states that States does not name
	Rand   func() float64 // in [0, 1); nil: no jitter
}

// Next is what follows from a failed try.
type Next struct {
	Again bool
	State string        // to try; the same one, or its fallback with tries of its own
	Delay time.Duration // before it
}

// Of returns the retries of a state.
func (p RetryPolicy) Of(state string) Retry {
	if r, ok := p.States[state]; ok {
		return r
	}
	return p.Other
}

// After says what follows when a state failed for the n-th time, n counted from 1.
func (p RetryPolicy) After(state string, n int) Next {
	r := p.Of(state)
	switch {
	case n < r.Tries:
		return Next{Again: true, State: state, Delay: p.delay(r, n)}
	case r.Fallback != "" && r.Fallback != state:
		return Next{Again: true, State: r.Fallback}
	}
	return Next{}
}

// delay returns Min doubled n-1 times but at most Max, less a random share of at most Jitter.
func (p RetryPolicy) delay(r Retry, n int) time.Duration {
	limit := max(r.Min, r.Max)
	d := r.Min
	for ; n > 1 && d > 0 && d < limit; n-- {
		if d > limit/2 { // doubling would pass the limit, or what an int64 holds
			d = limit
			break
		}
		d *= 2
	}
	if p.Rand != nil && d > 0 {
		d -= time.Duration(float64(d) * min(max(r.Jitter, 0), 1) * p.Rand())
	}
	return max(d, 0)
}
