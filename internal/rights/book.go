package rights

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// All stands for every user, every node or every partition.
const All = "*"

// Bounds of a Book.
const (
	MaxUsers  = 10_000
	MaxGrants = 200_000
)

// User is somebody who was enrolled. An admin may do everything.
type User struct {
	Name  string
	Admin bool
	Since time.Time
}

// Grant is the right of one user to one node.
type Grant struct {
	User  string    // or All
	Node  string    // or All
	Part  string    // number of a partition, or All
	Until time.Time // zero: for ever; the right ends at that very moment
	By    string    // who gave it
	At    time.Time // when
}

// Live says whether the grant is not over.
func (g Grant) Live(now time.Time) bool { return g.Until.IsZero() || now.Before(g.Until) }

// covers says whether the grant is enough for a partition; AnyPart is covered by all.
func (g Grant) covers(part string) bool { return part == AnyPart || g.Part == All || g.Part == part }

// Loss is what a change took from a user: nodes where less is allowed than before; All among them is every node. User may be All.
type Loss struct {
	User  string
	Nodes []string // in natural order
}

// Book is the users and the grants of a site. Use New.
type Book struct {
	users  map[string]User
	held   map[holding][]Grant // of one user on one node, by partition; the slices are never changed
	grants int
	admins map[string]bool // from outside
}

type holding struct{ user, node string }

// New returns an empty book: nothing is open to anybody but admins.
func New() *Book { return &Book{users: make(map[string]User), held: make(map[holding][]Grant)} }

// Clone returns a book that changes independently.
func (b *Book) Clone() *Book {
	return &Book{users: maps.Clone(b.users), held: maps.Clone(b.held), grants: b.grants, admins: b.admins}
}

// Equal says whether two books hold the same users and grants; who was appointed does not count.
func (b *Book) Equal(other *Book) bool {
	return maps.Equal(b.users, other.users) && maps.EqualFunc(b.held, other.held, slices.Equal)
}

// Appoint says who is an admin beside the users of the book, for instance by configuration. They are not saved.
func (b *Book) Appoint(names []string) {
	b.admins = make(map[string]bool, len(names))
	for _, n := range names {
		b.admins[n] = true
	}
}

// Admin says whether a user may do everything.
func (b *Book) Admin(user string) bool { return b.admins[user] || b.users[user].Admin }

// AddUser enrols a user. For one who is enrolled already it only makes an admin of him, if asked: who is to be less is
// deleted first.
func (b *Book) AddUser(name string, admin bool, now time.Time) (User, error) {
	if err := CheckName(name); err != nil {
		return User{}, err
	}
	u, known := b.users[name]
	if !known {
		if len(b.users) >= MaxUsers {
			return User{}, fmt.Errorf("there are %d users already; delete some first", MaxUsers)
		}
		u = User{Name: name, Since: moment(now)}
	}
	u.Admin = u.Admin || admin
	b.users[name] = u
	return u, nil
}

// DelUser forgets a user and all that he was granted. It says whether there was anything to forget.
func (b *Book) DelUser(name string, now time.Time) ([]Loss, bool) {
	_, known := b.users[name]
	delete(b.users, name)
	taken := b.remove(now, func(g Grant) bool { return g.User == name })
	return b.losses(taken, now), known || len(taken) > 0
}

// Enrolled says whether somebody is a user of the book.
func (b *Book) Enrolled(name string) bool {
	_, known := b.users[name]
	return known
}

// Users returns the enrolled users by name.
func (b *Book) Users() []User {
	return slices.SortedFunc(maps.Values(b.users), func(x, y User) int { return strings.Compare(x.Name, y.Name) })
}

// Grants returns all grants, over or not, in no order.
func (b *Book) Grants() []Grant {
	all := make([]Grant, 0, b.grants)
	for _, grants := range b.held {
		all = append(all, grants...)
	}
	return all
}

// put stores a grant; one for the same user, node and partition is replaced.
func (b *Book) put(g Grant) {
	at := holding{g.User, g.Node}
	kept := b.without(at, func(old Grant) bool { return old.Part == g.Part })
	kept = append(kept, g)
	slices.SortFunc(kept, func(x, y Grant) int { return strings.Compare(x.Part, y.Part) })
	b.set(at, kept)
}

// without copies the grants of a holding but for those that go.
func (b *Book) without(at holding, goes func(Grant) bool) []Grant {
	var kept []Grant
	for _, g := range b.held[at] {
		if !goes(g) {
			kept = append(kept, g)
		}
	}
	return kept
}

func (b *Book) set(at holding, grants []Grant) {
	b.grants += len(grants) - len(b.held[at])
	if len(grants) == 0 {
		delete(b.held, at)
		return
	}
	b.held[at] = grants
}

// remove takes grants away and returns those of them that were live.
func (b *Book) remove(now time.Time, goes func(Grant) bool) (taken []Grant) {
	for at, grants := range b.held {
		if !slices.ContainsFunc(grants, goes) {
			continue
		}
		for _, g := range grants {
			if goes(g) && g.Live(now) {
				taken = append(taken, g)
			}
		}
		b.set(at, b.without(at, goes))
	}
	return taken
}
