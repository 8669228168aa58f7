package catalogue

import (
	"cmp"
	"fmt"
	"slices"
)

// Catalogue is a set of environments. It is never changed, so share it freely: Add and Remove return another one.
type Catalogue struct {
	all []Environment // by name, owner, and version, the newest first
}

// New makes a catalogue of environments in any order.
func New(all []Environment) *Catalogue {
	c := &Catalogue{all: slices.Clone(all)}
	slices.SortFunc(c.all, order)
	return c
}

func order(a, b Environment) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Owner, b.Owner), cmp.Compare(b.Version, a.Version))
}

// Environments are all of them, in order.
func (c *Catalogue) Environments() []Environment { return slices.Clone(c.all) }

// Asker is who wants something.
type Asker struct {
	User  string
	Admin bool
}

// ForbiddenError is a no to who asks, not to what is asked.
type ForbiddenError struct{ Text string }

func (e *ForbiddenError) Error() string { return e.Text }

// ExistsError is a version that is there already.
type ExistsError struct {
	Environment Environment
	Next        int
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s is there already: remove it first, or give another version in the description, the next is %d", e.Environment, e.Next)
}

var errFull = fmt.Errorf("the catalogue is full: its descriptions have %d bytes at most; remove environments", MaxText)

// mayAdd says why somebody may not add an environment of that name and visibility.
func (c *Catalogue) mayAdd(by Asker, name, visibility string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := mayBe(by, visibility); err != nil {
		return err
	}
	if c.count(by.User) >= MaxPerOwner {
		return fmt.Errorf("%s has %d environments, no one may have more: remove some", by.User, MaxPerOwner)
	}
	return nil
}

// mayBe says why somebody may not give an environment that visibility.
func mayBe(by Asker, visibility string) error {
	switch {
	case visibility != Public && visibility != Shared && visibility != Private:
		return fmt.Errorf("unknown visibility %.30q (known: public, shared, private)", visibility)
	case visibility == Public && !by.Admin:
		return &ForbiddenError{"public environments are added by admins; a shared one may be used by whoever says -u " + by.User}
	}
	return nil
}

// Add puts in an environment of who asks and returns it as it is then: it is his, and gets the version after his newest one of
// that name when it has none of its own.
func (c *Catalogue) Add(by Asker, e Environment, versioned bool) (*Catalogue, Environment, error) {
	if err := c.mayAdd(by, e.Name, e.Visibility); err != nil {
		return nil, e, err
	}
	e.Owner = by.User
	next, size := 1, len(e.Text)
	for _, other := range c.all {
		size += len(other.Text)
		if other.Name == e.Name && other.Owner == e.Owner {
			next = max(next, other.Version+1)
		}
	}
	if size > MaxText {
		return nil, e, errFull
	}
	if !versioned {
		e.Version = next
	}
	at, exists := slices.BinarySearchFunc(c.all, e, order)
	if exists {
		return nil, e, &ExistsError{e, next}
	}
	return &Catalogue{all: slices.Insert(slices.Clone(c.all), at, e)}, e, nil
}

func (c *Catalogue) count(owner string) (n int) {
	for _, e := range c.all {
		if e.Owner == owner {
			n++
		}
	}
	return n
}

// Remove takes out what a query names and returns it. Without an owner it is about one's own environments only; those of
// others are for admins.
func (c *Catalogue) Remove(by Asker, q Query) (*Catalogue, []Environment, error) {
	found, err := c.Owned(by, q, "removed")
	if err != nil {
		return nil, nil, err
	}
	left := slices.DeleteFunc(slices.Clone(c.all), func(e Environment) bool {
		return slices.ContainsFunc(found, func(gone Environment) bool { return order(e, gone) == 0 })
	})
	return &Catalogue{all: left}, found, nil
}

func (c *Catalogue) has(owner, name string) bool {
	return slices.ContainsFunc(c.all, func(e Environment) bool { return e.Owner == owner && e.Name == name })
}
