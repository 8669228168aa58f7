package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// Environment is an entry of the catalogue: one version of one owner's environment.
type Environment struct {
	Owner, Name string
	Version     int
	Visibility  string // public, shared or private
	Description string // for people
	Format      string // of Text: classic, yaml or hcl
	Text        []byte // the description as it was added, up to 16 MiB
	Details     []byte // what else the catalogue keeps, opaque here, up to 16 MiB
	Digest      string // sha256 of the image, hexadecimal; "" when unknown
	Added       time.Time
}

// EnvironmentFilter chooses environments; "" chooses nothing out.
type EnvironmentFilter struct{ Owner, Name string }

// AddEnvironment adds one; ErrExists when that owner has that version of that name, also when that is the same one, written
// before an ErrUnavailable.
func (s *Store) AddEnvironment(ctx context.Context, e Environment) error {
	if err := e.fits(); err != nil {
		return err
	}
	return s.explain(s.once(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, `INSERT INTO environments
			(owner, name, version, visibility, description, format, source, details, digest, added)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			e.Owner, e.Name, e.Version, name(e.Visibility), text(e.Description), name(e.Format), blob(e.Text), blob(e.Details), name(e.Digest), micros(e.Added)))
		if err == nil && n == 0 {
			err = fmt.Errorf("environment %s:%d of %s %w", e.Name, e.Version, e.Owner, ErrExists)
		}
		return err
	}))
}

// fits says why an environment cannot be kept.
func (e Environment) fits() error {
	if e.Owner == "" || e.Name == "" || e.Owner != name(e.Owner) || e.Name != name(e.Name) {
		return fmt.Errorf("environment %q of %q: expected an owner and a name of 1 to %d bytes", fit.Clip(e.Name, 40), fit.Clip(e.Owner, 40), maxName)
	}
	if n := max(len(e.Text), len(e.Details)); n > maxBlob {
		return fmt.Errorf("environment %s: %d bytes of description, at most %d are kept", e.Name, n, maxBlob)
	}
	return nil
}

// ChangeEnvironments puts others in the place of those of the same owner, name and version, all or none; ErrUnknown when one is not
// there. When they were added stays. It is harmless twice.
func (s *Store) ChangeEnvironments(ctx context.Context, changed []Environment) error {
	for _, e := range changed {
		if err := e.fits(); err != nil {
			return err
		}
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, e := range changed {
			n, err := affected(tx.ExecContext(ctx, `UPDATE environments SET visibility = $1, description = $2, format = $3, source = $4, details = $5, digest = $6
				WHERE owner = $7 AND name = $8 AND version = $9`,
				name(e.Visibility), text(e.Description), name(e.Format), blob(e.Text), blob(e.Details), name(e.Digest), name(e.Owner), name(e.Name), e.Version))
			if err == nil && n == 0 {
				err = fmt.Errorf("environment %s:%d of %s %w", fit.Clip(e.Name, 40), e.Version, fit.Clip(e.Owner, 40), ErrUnknown)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveEnvironment removes one for good; ErrUnknown when it is not there.
func (s *Store) RemoveEnvironment(ctx context.Context, owner, env string, version int) error {
	return s.explain(s.once(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, `DELETE FROM environments WHERE owner = $1 AND name = $2 AND version = $3`,
			name(owner), name(env), version))
		if err == nil && n == 0 {
			err = fmt.Errorf("environment %s:%d of %s %w", fit.Clip(env, 40), version, fit.Clip(owner, 40), ErrUnknown)
		}
		return err
	}))
}

// Environments lists the catalogue by name, owner and version, the newest version first.
func (s *Store) Environments(ctx context.Context, f EnvironmentFilter) ([]Environment, error) {
	var c conditions
	if f.Owner != "" {
		c.add("owner = ?", name(f.Owner))
	}
	if f.Name != "" {
		c.add("name = ?", name(f.Name))
	}
	return list(ctx, s, func(r *sql.Rows) (e Environment, err error) {
		var added int64
		err = r.Scan(&e.Owner, &e.Name, &e.Version, &e.Visibility, &e.Description, &e.Format, &e.Text, &e.Details, &e.Digest, &added)
		e.Text, e.Details, e.Added = bytesOrNil(e.Text), bytesOrNil(e.Details), timeOf(added)
		return e, err
	}, `SELECT owner, name, version, visibility, description, format, source, details, digest, added FROM environments`+c.where()+
		` ORDER BY name, owner, version DESC`, c.args...)
}
