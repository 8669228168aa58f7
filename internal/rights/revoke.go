package rights

import (
	"fmt"
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Revoke takes a user's right to nodes away; part All is every right to them. That there is nothing to take is no error: it
// may have expired. One partition of a grant of all of them cannot be taken. After an error
// the book may have changed in part.
func (b *Book) Revoke(user string, patterns []string, part string, site []string, now time.Time) ([]Loss, error) {
	if err := (Request{User: user, Part: part}).check(now); err != nil {
		return nil, err
	}
	nodes, err := expand(patterns, b.known(user, site))
	if err != nil {
		return nil, err
	}
	want := wanted(nodes)
	his := func(g Grant) bool { return g.User == user && want.touches(g.Node) }
	if part != All {
		whole := func(g Grant) bool { return his(g) && g.Part == All && g.Live(now) }
		if err := b.holders(whole, want); err != nil {
			held := err.(*HeldError).Holders[0]
			return nil, fmt.Errorf("%s holds every partition of %s: take away all of them, and give others again", user, shortened(nodeset.Fold(held.Nodes)))
		}
	}
	taken := b.take(func(g Grant) bool { return his(g) && (part == All || g.Part == part) }, want, site, now)
	if b.grants > MaxGrants {
		return nil, b.full()
	}
	return b.losses(taken, now), nil
}

// known adds to the site's nodes those that a user holds although the site has them no more.
func (b *Book) known(user string, site []string) []string {
	all := wanted(site)
	for at := range b.held {
		if at.user == user && at.node != All {
			all[at.node] = true
		}
	}
	return all.sorted()
}

// take removes grants on some nodes. One for every node is split: it stays for those nodes of the site that are not taken.
func (b *Book) take(goes func(Grant) bool, want nodeSet, site []string, now time.Time) []Grant {
	taken := b.remove(now, goes)
	if want[All] {
		return taken
	}
	var gone []Grant
	for _, g := range taken {
		if g.Node != All {
			gone = append(gone, g)
			continue
		}
		for _, node := range site {
			part := g
			part.Node = node
			if want[node] {
				gone = append(gone, part)
			} else if !slices.ContainsFunc(b.held[holding{g.User, node}], func(old Grant) bool { return old.Part == g.Part && outlasts(old, g) }) {
				b.put(part)
			}
		}
	}
	return gone
}

// outlasts says whether one grant is not over before the other.
func outlasts(a, b Grant) bool {
	return a.Until.IsZero() || !b.Until.IsZero() && !a.Until.Before(b.Until)
}
