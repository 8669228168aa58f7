package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to the version that this program knows. Two programs may do that at once: the one that comes second
// fails, and then finds it done.
func (s *Store) migrate(ctx context.Context, dialect goose.Dialect, opts ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	opts = append(opts, goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_versions"), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(dialect, s.write, files, opts...)
	if err != nil {
		return err
	}
	var newer *NewerError
	for range tries {
		if err = s.upgrade(ctx, p); err == nil || errors.As(err, &newer) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (s *Store) upgrade(ctx context.Context, p *goose.Provider) error {
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if have > known {
		return &NewerError{Database: s.name, Have: have, Known: known}
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("bring the schema from version %d to %d: %w", have, known, err)
	}
	if len(done) > 0 {
		s.log.Info("database schema changed", "database", s.name, "from", have, "to", known)
	}
	return nil
}
