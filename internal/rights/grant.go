package rights

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Request asks for a grant.
type Request struct {
	User      string    // or All
	Nodes     []string  // patterns: sets, with * and ? as in file names; or All
	Part      string    // a number, or All
	Until     time.Time // zero: for ever
	By        string    // who gives it
	Overwrite bool      // take the nodes from others
}

// Holder is a user with the nodes that he holds.
type Holder struct {
	User  string
	Nodes []string
}

// HeldError refuses a grant on nodes that others hold.
type HeldError struct{ Holders []Holder }

func (e *HeldError) Error() string {
	var texts []string
	for _, h := range e.Holders {
		if len(texts) == 5 {
			texts = append(texts, fmt.Sprintf("%d more users", len(e.Holders)-5))
			break
		}
		texts = append(texts, h.User+" holds "+shortened(nodeset.Fold(h.Nodes)))
	}
	return strings.Join(texts, ", ") + "; wait for the end, or take them away with --overwrite"
}

// Grant gives a user nodes of the site. Nodes that another user holds now, whatever the partition, are a *HeldError, unless
// they are to be taken from him. Grants to everybody and to admins hold nothing against others. After an error the book may
// have changed in part: change a Clone.
func (b *Book) Grant(r Request, site []string, now time.Time) ([]Loss, error) {
	r.Until = moment(r.Until)
	if err := r.check(now); err != nil {
		return nil, err
	}
	nodes, err := expand(r.Nodes, site)
	if err != nil {
		return nil, err
	}
	want := wanted(nodes)
	others := func(g Grant) bool {
		return g.User != r.User && g.User != All && !b.Admin(g.User) && g.Live(now) && want.touches(g.Node)
	}
	if err := b.holders(others, want); err != nil && !r.Overwrite {
		return nil, err
	}
	var taken []Grant
	if r.Overwrite {
		taken = b.take(others, want, site, now)
	}
	for node := range want {
		b.put(Grant{User: r.User, Node: node, Part: r.Part, Until: r.Until, By: r.By, At: moment(now)})
	}
	if b.grants > MaxGrants {
		return nil, b.full()
	}
	return b.losses(taken, now), nil
}

func (r Request) check(now time.Time) error {
	if err := checkUser(r.User); err != nil {
		return err
	}
	if r.Part != All && !number(r.Part) {
		return fmt.Errorf("partition %.20q: give a number, or * for every one", r.Part)
	}
	if !r.Until.IsZero() && !now.Before(r.Until) {
		return fmt.Errorf("the end %s is over", r.Until.Format(time.DateTime))
	}
	if r.Until.Sub(now) > maxLife {
		return fmt.Errorf("the end %s is more than ten years away; leave it out for ever", r.Until.Format(time.DateTime))
	}
	return nil
}

func (b *Book) full() error {
	return fmt.Errorf("there would be %d rights, one for each user and node, and at most %d are kept; use * for every node, or delete some", b.grants, MaxGrants)
}

// nodeSet is the nodes that a change is about; with All among them it is every node.
type nodeSet map[string]bool

func wanted(nodes []string) nodeSet {
	set := make(nodeSet, len(nodes))
	for _, n := range nodes {
		set[n] = true
	}
	return set
}

// touches says whether a grant for a node, or for All, has a node in common with the set.
func (s nodeSet) touches(node string) bool { return s[node] || s[All] || node == All && len(s) > 0 }

// holders is a *HeldError when there are grants of others, nil otherwise.
func (b *Book) holders(others func(Grant) bool, want nodeSet) error {
	found := make(map[string]nodeSet)
	for _, grants := range b.held {
		for _, g := range grants {
			if !others(g) {
				continue
			}
			if found[g.User] == nil {
				found[g.User] = make(nodeSet)
			}
			if g.Node != All {
				found[g.User][g.Node] = true
			} else {
				maps.Copy(found[g.User], want)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	e := &HeldError{}
	for _, user := range slices.Sorted(maps.Keys(found)) {
		e.Holders = append(e.Holders, Holder{user, found[user].sorted()})
	}
	return e
}

func (s nodeSet) sorted() []string { return slices.SortedFunc(maps.Keys(s), nodeset.Compare) }
