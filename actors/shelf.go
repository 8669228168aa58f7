package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/store"
)

// EnvironmentStore is where the catalogue is kept. What its methods did is durable when they return; they are called from
// tasks, changes one at a time.
type EnvironmentStore interface {
	Environments(ctx context.Context) ([]catalogue.Environment, error)
	AddEnvironment(ctx context.Context, e catalogue.Environment) error
	RemoveEnvironment(ctx context.Context, owner, name string, version int) error
	ChangeEnvironments(ctx context.Context, changed []catalogue.Environment) error // all or none, by owner, name and version
}

// shelf is the catalogue in force, and where it is kept. It outlives the actors. Only the actor named catalogue changes it;
// anybody may read it: a catalogue in force is never changed.
type shelf struct {
	store  EnvironmentStore // nil: this server keeps none
	depot  *depot.Depot     // nil: it takes no uploads
	log    *slog.Logger
	now    atomic.Pointer[catalogue.Catalogue]
	opened atomic.Bool

	changing sync.Mutex          // held from reading a catalogue to putting its successor in force
	pins     map[string][]func() // what was uploaded for an environment stays as long as that does
}

func newShelf(store EnvironmentStore, d *depot.Depot, log *slog.Logger) *shelf {
	s := &shelf{store: store, depot: d, log: log, pins: make(map[string][]func())}
	s.now.Store(catalogue.New(nil))
	return s
}

// loadTime bounds the reading of all environments at the start.
const loadTime = 30 * time.Second

// open reads what is kept, once in the life of the tree.
func (s *shelf) open() error {
	if s.store == nil || s.opened.Load() { // whoever is changing it now need not be waited for
		return nil
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	all, err := s.store.Environments(ctx)
	if err != nil {
		return fmt.Errorf("the catalogue of environments: %w", err)
	}
	for _, e := range all {
		if err := s.pin(e); err != nil {
			s.log.Warn("an environment cannot be deployed until it is added again", "environment", e.String(), "error", err)
		}
	}
	s.now.Store(catalogue.New(all))
	s.opened.Store(true)
	return nil
}

var errNoCatalogue = errors.New("this server keeps no catalogue of environments")

// add puts an environment in force once it is kept.
func (s *shelf) add(ctx context.Context, by catalogue.Asker, e catalogue.Environment, versioned bool) (catalogue.Environment, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	next, e, err := s.now.Load().Add(by, e, versioned)
	if err != nil {
		return e, err
	}
	if err := s.pin(e); err != nil {
		return e, err
	}
	if err := s.store.AddEnvironment(ctx, e); err != nil {
		s.unpin(e)
		return e, unkept(e.String(), "kept", err)
	}
	s.now.Store(next)
	return e, nil
}

// replace puts changes in force once they are kept, all or none. What was uploaded for the environments is not for it to change.
func (s *shelf) replace(ctx context.Context, changes []catalogue.Change) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	next, err := s.now.Load().Replace(changes)
	if err != nil {
		return err
	}
	changed := make([]catalogue.Environment, len(changes))
	for i, c := range changes {
		changed[i] = c.Now
	}
	if err := s.store.ChangeEnvironments(ctx, changed); err != nil {
		return unkept("the change", "kept", err)
	}
	s.now.Store(next)
	return nil
}

// remove takes away what a query names, one environment after the other; what is gone before an error stays gone.
func (s *shelf) remove(ctx context.Context, by catalogue.Asker, q catalogue.Query) ([]catalogue.Environment, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	_, found, err := s.now.Load().Remove(by, q)
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		next, _, err := s.now.Load().Remove(by, catalogue.Query{Name: e.Name, Owner: e.Owner, Version: e.Version})
		if err == nil {
			err = s.store.RemoveEnvironment(ctx, e.Owner, e.Name, e.Version)
		}
		if err != nil {
			return nil, unkept(e.String(), "removed", err)
		}
		s.now.Store(next)
		s.unpin(e)
	}
	return found, nil
}

// unkept words an error of the store. After some of them nobody knows whether it has done what it was told: the catalogue in force stays
// as it was, and the next start reads what is kept. Whoever makes the change again makes the two the same.
func unkept(what, done string, err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) {
		return &unavailableError{fmt.Errorf("it is not known whether %s was %s: say it again: %w", what, done, err)}
	}
	return &unavailableError{fmt.Errorf("%s could not be %s: %w", what, done, err)}
}

// pin keeps the uploads of an environment in the depot. They count for their owner there.
func (s *shelf) pin(e catalogue.Environment) error {
	for _, f := range e.Files {
		if !f.Uploaded {
			continue
		}
		digest, err := depot.ParseDigest(f.SHA256)
		if err == nil && s.depot == nil {
			err = errors.New("this server takes no uploads")
		}
		var release func()
		if err == nil {
			_, release, err = s.depot.Use(e.Owner, digest)
		}
		if err != nil {
			s.unpin(e)
			return fmt.Errorf("%s, which %s uploaded: %w", f.Path, e.Owner, err)
		}
		s.pins[e.String()] = append(s.pins[e.String()], release)
	}
	return nil
}

func (s *shelf) unpin(e catalogue.Environment) {
	for _, release := range s.pins[e.String()] {
		release()
	}
	delete(s.pins, e.String())
}
