package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/store"
)

// environments keep the catalogue in the database.
type environments struct{ *store.Store }

var _ actors.EnvironmentStore = environments{}

// details are what the database keeps of an environment without looking at it.
type details struct {
	OS    string
	Files []catalogue.File
}

func (s environments) Environments(ctx context.Context) ([]catalogue.Environment, error) {
	kept, err := s.Store.Environments(ctx, store.EnvironmentFilter{})
	if err != nil {
		return nil, err
	}
	all := make([]catalogue.Environment, len(kept))
	for i, k := range kept {
		var d details
		if err := json.Unmarshal(k.Details, &d); err != nil {
			return nil, fmt.Errorf("what is kept of %s:%d of %s cannot be read: %w", k.Name, k.Version, k.Owner, err)
		}
		all[i] = catalogue.Environment{
			Name: k.Name, Version: k.Version, Owner: k.Owner, Visibility: k.Visibility, Description: k.Description, OS: d.OS,
			Format: k.Format, Text: k.Text, Files: d.Files, Added: k.Added,
		}
	}
	return all, nil
}

// AddEnvironment takes the place of one that an addition has left which was told as failed: the catalogue knows what is there.
func (s environments) AddEnvironment(ctx context.Context, e catalogue.Environment) error {
	k, err := row(e)
	if err != nil {
		return err
	}
	err = s.Store.AddEnvironment(ctx, k)
	if errors.Is(err, store.ErrExists) {
		if err = s.RemoveEnvironment(ctx, e.Owner, e.Name, e.Version); err == nil {
			err = s.Store.AddEnvironment(ctx, k)
		}
	}
	return err
}

// ChangeEnvironments changes them all or none.
func (s environments) ChangeEnvironments(ctx context.Context, changed []catalogue.Environment) error {
	rows := make([]store.Environment, len(changed))
	for i, e := range changed {
		var err error
		if rows[i], err = row(e); err != nil {
			return err
		}
	}
	return s.Store.ChangeEnvironments(ctx, rows)
}

// row is an environment as it is kept.
func row(e catalogue.Environment) (store.Environment, error) {
	d, err := json.Marshal(details{e.OS, e.Files})
	return store.Environment{
		Owner: e.Owner, Name: e.Name, Version: e.Version, Visibility: e.Visibility, Description: e.Description, Format: e.Format,
		Text: e.Text, Details: d, Digest: e.Image().SHA256, Added: e.Added,
	}, err
}

// RemoveEnvironment does not mind one that is gone already.
func (s environments) RemoveEnvironment(ctx context.Context, owner, name string, version int) error {
	err := s.Store.RemoveEnvironment(ctx, owner, name, version)
	if errors.Is(err, store.ErrUnknown) {
		return nil
	}
	return err
}
