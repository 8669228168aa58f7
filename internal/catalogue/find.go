package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Query names environments.
type Query struct {
	Name    string
	Owner   string // "": one's own, or else a public one
	Version int    // or Newest, or All
}

// UnknownError is a name that means nothing to who asks, with what he may have meant.
type UnknownError struct{ Text string }

func (e *UnknownError) Error() string { return e.Text }

// Find says which environment a name means: the asker's own, or else the public one of that name; of a named owner, one that
// he lets others use. What somebody may not use is to him as if it were not there. The error is an *UnknownError.
func (c *Catalogue) Find(by Asker, q Query) (Environment, error) {
	found, err := c.find(by, q)
	if err != nil {
		return Environment{}, err
	}
	return found[0], nil
}

// find returns at least one environment, of one owner, the newest first.
func (c *Catalogue) find(by Asker, q Query) ([]Environment, error) {
	usable := c.usable(by, q)
	if len(usable) == 0 {
		return nil, c.unknown(by, q)
	}
	if owners := ownersOf(usable); len(owners) > 1 {
		return nil, &UnknownError{fmt.Sprintf("%d users have a public environment %q: say -u with one of %s", len(owners), q.Name, some(owners))}
	}
	switch q.Version {
	case All:
		return usable, nil
	case Newest:
		return usable[:1], nil
	}
	for _, e := range usable {
		if e.Version == q.Version {
			return []Environment{e}, nil
		}
	}
	var versions []string
	for _, e := range usable {
		versions = append(versions, fmt.Sprint(e.Version))
	}
	return nil, &UnknownError{fmt.Sprintf("no version %d of %q: %s has version %s", q.Version, q.Name, usable[0].Owner, some(versions))}
}

// usable are all versions that a query may mean.
func (c *Catalogue) usable(by Asker, q Query) []Environment {
	if q.Owner == "" && c.has(by.User, q.Name) {
		q.Owner = by.User
	}
	return c.filter(func(e Environment) bool {
		if e.Name != q.Name {
			return false
		}
		if q.Owner == "" {
			return e.Visibility == Public
		}
		return e.Owner == q.Owner && e.open(by)
	})
}

// open says whether somebody who names the owner may use the environment.
func (e Environment) open(by Asker) bool {
	return e.Owner == by.User || by.Admin || e.Visibility != Private
}

func (c *Catalogue) filter(keep func(Environment) bool) []Environment {
	var kept []Environment
	for _, e := range c.all {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func ownersOf(list []Environment) []string {
	var owners []string
	for _, e := range list {
		if !slices.Contains(owners, e.Owner) {
			owners = append(owners, e.Owner)
		}
	}
	return owners
}

// unknown words a name that means nothing, with what comes nearest.
func (c *Catalogue) unknown(by Asker, q Query) error {
	text := fmt.Sprintf("no environment %.70q", q.Name)
	if q.Owner != "" && q.Owner != by.User {
		text = fmt.Sprintf("%s has no environment %.70q that you may use", q.Owner, q.Name)
	}
	sharers := ownersOf(c.filter(func(e Environment) bool { return e.Name == q.Name && e.Owner != q.Owner && e.open(by) }))
	if len(sharers) > 0 {
		return &UnknownError{fmt.Sprintf("%s; %s has one: say -u %s", text, some(sharers), sharers[0])}
	}
	var names []string
	for _, e := range c.all {
		if e.open(by) && (q.Owner == e.Owner || q.Owner == "" && (e.Owner == by.User || e.Visibility == Public)) {
			names = append(names, e.Name)
		}
	}
	if like := nearest(q.Name, names); like != "" {
		return &UnknownError{fmt.Sprintf("%s: did you mean %q?", text, like)}
	}
	return &UnknownError{text + " (see kadeploy env list)"}
}

// nearest is the name most like the given one, "" when none is near enough to have been meant.
func nearest(name string, names []string) string {
	best, distance := "", 2+len(name)/4
	if len(name) > MaxName {
		return ""
	}
	for _, candidate := range names {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(candidate), nil)
		if d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// some are the first of many words.
func some(words []string) string {
	const most = 5
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", …"
	}
	return strings.Join(words, ", ")
}
