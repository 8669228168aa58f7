package actors

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kadeploy/kadeploy/internal/rights"
)

// ledger is the book of rights in force, and where it is kept. It outlives the actors. Only access replaces the book; anybody may
// read it: a book in force is never changed. So whoever decides something does it and looks at the rights in one step, and
// hears of each later loss by endOperations.
type ledger struct {
	store  Store    // nil: the book is forgotten with the process
	admins []string // by birth: the daemon's own user
	config *snapshot
	book   atomic.Pointer[rights.Book]

	changing sync.Mutex  // held from reading a book to putting its successor in force
	unsure   atomic.Bool // the store may hold another book than the one in force
}

func newLedger(admins []string, m *Memory, inForce *snapshot) *ledger {
	l := &ledger{admins: admins, config: inForce}
	l.book.Store(rights.New())
	if m != nil {
		l.store = m.store
		l.book.Store(m.rights)
	}
	return l
}

// keep writes a book down. After an error nobody knows which one is there, the one before or this one.
func (l *ledger) keep(b *rights.Book) error {
	if l.store == nil {
		return nil
	}
	l.unsure.Store(true)
	err := l.store.KeepRights(context.Background(), b) // the store bounds the time, and whoever asked may be gone
	if err == nil {
		l.unsure.Store(false)
	}
	return err
}

// appointed are the admins that are none by the book.
func (l *ledger) appointed() []string {
	return slices.Concat(l.admins, l.config.Load().Global.Admins)
}

func (l *ledger) admin(user string) bool {
	return slices.Contains(l.appointed(), user) || l.book.Load().Admin(user)
}

// owns says whether a user may see and end what another began.
func (l *ledger) owns(user, owner string) bool { return user == owner || l.admin(user) }

// check says whether a user has all that is wanted now. The error is a *rights.MissingError.
func (l *ledger) check(user string, wants []rights.Want) error {
	if l.admin(user) {
		return nil
	}
	return l.book.Load().CheckAll(user, wants, time.Now())
}

// site is the names of the nodes in force.
func (l *ledger) site() []string {
	nodes := l.config.Load().Nodes
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}
