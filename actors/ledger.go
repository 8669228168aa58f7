package actors

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kadeploy/kadeploy/internal/rights"
)

// ledger is the book of rights in force, and its file. It outlives the actors. Only access replaces the book; anybody may
// read it: a book in force is never changed. So whoever decides something does it and looks at the rights in one step, and
// hears of each later loss by endOperations.
type ledger struct {
	path   string
	admins []string // by birth: the daemon's own user
	config *snapshot
	book   atomic.Pointer[rights.Book]
	opened atomic.Bool

	changing sync.Mutex // held from reading a book to putting its successor in force
}

// rightsFile is the book's file, below the state directory.
const rightsFile = "rights.json"

func newLedger(admins []string, inForce *snapshot) *ledger {
	l := &ledger{path: filepath.Join(inForce.Load().Global.StateDir, rightsFile), admins: admins, config: inForce}
	l.book.Store(rights.New())
	return l
}

// open reads the file, once in the life of the tree: from then on memory is what counts.
func (l *ledger) open() error {
	if l.opened.Load() {
		return nil
	}
	b, err := rights.Load(l.path)
	if err != nil {
		return err
	}
	l.book.Store(b)
	l.opened.Store(true)
	return nil
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
