package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Owned finds what a query names if who asks may change it, for an error about what was to be done with it. Without an owner it is
// about one's own environments only; those of others are for admins.
func (c *Catalogue) Owned(by Asker, q Query, done string) ([]Environment, error) {
	if q.Owner == "" && c.has(by.User, q.Name) {
		q.Owner = by.User
	}
	found, err := c.find(by, q)
	if err != nil {
		return nil, err
	}
	switch first := found[0]; {
	case q.Owner == "" && first.Owner != by.User:
		return nil, &ForbiddenError{fmt.Sprintf("you have no environment %q; %s has a public one, which may be %s by him, and by an admin with -u %s", q.Name, first.Owner, done, first.Owner)}
	case first.Owner != by.User && !by.Admin:
		return nil, &ForbiddenError{fmt.Sprintf("%s may be %s by its owner and by admins", first, done)}
	}
	return found, nil
}

// NewestOwned is Owned for what only makes sense of the newest version.
func (c *Catalogue) NewestOwned(by Asker, q Query, done string) (Environment, error) {
	found, err := c.Owned(by, q, done)
	if err != nil {
		return Environment{}, err
	}
	newest, err := c.find(by, Query{Name: q.Name, Owner: found[0].Owner, Version: Newest})
	if err != nil {
		return Environment{}, err
	}
	if newest[0].Version != found[0].Version {
		return Environment{}, fmt.Errorf("%s is not the newest, %d is, and the next one would take its place: show %d, and add it as the next version if that is meant",
			found[0], newest[0].Version, found[0].Version)
	}
	return newest[0], nil
}

// Visible is the environment with another visibility, if who asks may give it.
func (e Environment) Visible(by Asker, visibility string) (Environment, error) {
	if err := mayBe(by, visibility); err != nil {
		return e, err
	}
	e.Visibility = visibility
	return e, nil
}

// Change is an environment, and what is to be in its place: of the same name, version and owner.
type Change struct{ Was, Now Environment }

// ErrOutdated is a change of what is another meanwhile.
var ErrOutdated = errors.New("the catalogue was changed meanwhile; try again")

// Replace makes changes, all or none. It fails with ErrOutdated when an environment is not there any more as it was.
func (c *Catalogue) Replace(changes []Change) (*Catalogue, error) {
	next := &Catalogue{all: slices.Clone(c.all)}
	for _, change := range changes {
		at, found := slices.BinarySearchFunc(next.all, change.Was, order)
		if !found || !same(next.all[at], change.Was) || order(change.Was, change.Now) != 0 {
			return nil, ErrOutdated
		}
		next.all[at] = change.Now
	}
	size := 0
	for _, e := range next.all {
		size += len(e.Text)
	}
	if size > MaxText {
		return nil, errFull
	}
	return next, nil
}

// same says whether nothing of what can be changed was.
func same(a, b Environment) bool {
	return a.Visibility == b.Visibility && a.Added.Equal(b.Added) && bytes.Equal(a.Text, b.Text)
}
