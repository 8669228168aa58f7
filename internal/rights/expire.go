package rights

import (
	"maps"
	"slices"
	"time"
)

// Expire takes away what is over.
func (b *Book) Expire(now time.Time) []Loss {
	var over []Grant
	for at, grants := range b.held {
		kept := b.without(at, func(g Grant) bool { return !g.Live(now) })
		if len(kept) == len(grants) {
			continue
		}
		for _, g := range grants {
			if !g.Live(now) {
				over = append(over, g)
			}
		}
		b.set(at, kept)
	}
	return b.losses(over, now)
}

// NextExpiry is when the next grant ends; false when none does.
func (b *Book) NextExpiry() (next time.Time, found bool) {
	for _, grants := range b.held {
		for _, g := range grants {
			if !g.Until.IsZero() && (!found || g.Until.Before(next)) {
				next, found = g.Until, true
			}
		}
	}
	return next, found
}

// losses says who has less than before, after grants were taken: what another grant covers now is not lost.
func (b *Book) losses(taken []Grant, now time.Time) []Loss {
	lost := make(map[string]nodeSet)
	for _, g := range taken {
		if b.may(g.User, g.Node, g.Part, now) {
			continue
		}
		if lost[g.User] == nil {
			lost[g.User] = make(nodeSet)
		}
		lost[g.User][g.Node] = true
	}
	var all []Loss
	for _, user := range slices.Sorted(maps.Keys(lost)) {
		all = append(all, Loss{user, lost[user].sorted()})
	}
	return all
}
