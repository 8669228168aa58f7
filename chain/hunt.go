package chain

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// reached is a link that answered and proved the key.
type reached struct {
	index int
	wire  *wire
	needs bool // it has no manifest yet
}

// missed is a link that could not be reached.
type missed struct {
	index int
	cause string
}

// Bounds of the hunt for a living link.
const (
	huntPatience = 4 // the first is waited for alone for the dial timeout divided by this
	huntWidth    = 8 // then so many are called at a time: a rack without power costs one timeout, not one for each machine
)

// hunt reaches the nearest living link from i on, and tells of those before it that cannot be reached. It finds nobody when those it
// called are all lost, or ctx is over.
func (f *feeder) hunt(ctx context.Context, first int) (*reached, []missed) {
	ctx, cancel := context.WithTimeout(ctx, f.timing.dial)
	defer cancel()
	called := []int{first}
	answers := make(chan answer, huntWidth)
	call := func(i int) { go func() { answers <- f.reach(ctx, i) }() }
	call(first)
	wider := time.NewTimer(f.timing.dial / huntPatience)
	defer wider.Stop()
	got := make(map[int]answer)
	for {
		select {
		case a := <-answers:
			got[a.index] = a
		case <-wider.C:
			for i, ok := f.line.next(f.table, first); ok && len(called) < huntWidth; i, ok = f.line.next(f.table, i) {
				called = append(called, i)
				call(i)
			}
		}
		if found, lost, over := nearest(called, got); over {
			cancel()
			for range len(called) - len(got) {
				if a := <-answers; a.reached != nil {
					a.reached.wire.conn.Close()
				}
			}
			for _, a := range got {
				if a.reached != nil && a.reached != found {
					a.reached.wire.conn.Close()
				}
			}
			return found, lost
		}
	}
}

type answer struct {
	index   int
	reached *reached
	cause   string // when it was not reached
	refused bool   // its machine said that nobody listens there
}

// nearest decides a hunt: it is over when the nearest link that answered well has only links before it that did not, or none is left.
func nearest(called []int, got map[int]answer) (found *reached, lost []missed, over bool) {
	for _, i := range called {
		a, answered := got[i]
		switch {
		case !answered:
			return nil, nil, false
		case a.reached != nil:
			return a.reached, lost, true
		}
		lost = append(lost, missed{i, a.cause})
	}
	return nil, lost, true
}

// reach calls link i and shakes hands.
func (f *feeder) reach(ctx context.Context, i int) answer {
	w, needs, err := dial(ctx, f.dialer, f.plan.links[i].Addr, f.secret, roleFeed, f.timing.dial)
	if err != nil {
		return answer{index: i, cause: err.Error(), refused: errors.Is(err, syscall.ECONNREFUSED)}
	}
	return answer{index: i, reached: &reached{i, w, needs}}
}
