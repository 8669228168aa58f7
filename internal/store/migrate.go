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

// schema is the version of the tables of a SQLite file, and the one that this program knows.
func (f *sqliteFile) schema(ctx context.Context) (have, known int64, err error) {
	var tables int
	err = f.read.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('schema_versions', 'operations')`).Scan(&tables)
	switch {
	case err != nil:
		return 0, 0, f.explain(err)
	case tables != 2:
		return 0, 0, fmt.Errorf("%s is a database of another program, or an empty one: its tables are not those of kadeploy", f.name)
	}
	err = f.read.QueryRowContext(ctx, `SELECT MAX(version_id) FROM schema_versions WHERE is_applied`).Scan(&have)
	if err != nil {
		return 0, 0, f.explain(err)
	}
	files, err := migrations.ReadDir("migrations") // sorted by name
	if err == nil {
		known, err = goose.NumericComponent(files[len(files)-1].Name())
	}
	return have, known, err
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
