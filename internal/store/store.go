package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Config of a store.
type Config struct {
	URL string // "sqlite:/path/kadeploy.db" or "postgres://USER@HOST/DATABASE"
	Log *slog.Logger

	// AsIs leaves the schema and the file as they are, whatever version made them: for Backup and Check beside a daemon of another version.
	// Nothing else is to be called then.
	AsIs bool
}

// Store is an open database. Its methods may be called from any goroutine; changes are made one after the other.
type Store struct {
	name  string  // for people; without user and password
	write *sql.DB // one connection: writers that compete in SQLite starve each other for seconds
	read  *sql.DB
	log   *slog.Logger
	asIs  bool
	epoch atomic.Int64 // of this program's reign; 0: it claims nothing
	engine
}

// engine is what differs between the databases.
type engine interface {
	check(ctx context.Context) error
	size(ctx context.Context) (int64, error)
	backup(ctx context.Context, file string) error
	explain(err error) error                // in words and errors of this package
	keepRoom(ctx context.Context) error     // for ends; ErrFull when there is none
	again(err error) bool                   // the same transaction may go through at another try
	lock(ctx context.Context) (bool, error) // holds the database for this process; false: another one does
	unlock() error
}

const (
	maxRead  = 10               // connections that read: three questions about the history with three queries each, and the journal's
	patience = 30 * time.Second // with one try of a transaction
	tries    = 3                // of a transaction that a lost connection has ended
)

// Open opens a database, makes it when it is a file that is missing (directory 0700, file 0600), brings its schema up to date
// and, with SQLite, looks for damage. It fails with DamagedError, NewerError or ErrUnavailable, or with what is wrong in the URL.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{log: c.Log, asIs: c.AsIs}
	scheme, rest, _ := strings.Cut(c.URL, ":")
	var err error
	switch scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, c.URL)
	default: // not shown: it may hold a password
		err = errors.New("database URL: expected sqlite:/PATH/kadeploy.db or postgres://USER@HOST/DATABASE")
	}
	if err != nil {
		_ = s.Close() // the first error says more
		return nil, err
	}
	return s, nil
}

// Close ends the connections. What Write has returned from is kept in any case.
func (s *Store) Close() error {
	var err error
	if s.engine != nil {
		err = s.unlock()
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return err
}

// Check looks for damage: with SQLite all of the file, with PostgreSQL only whether it answers and has the tables.
func (s *Store) Check(ctx context.Context) error { return s.check(ctx) }

// Size is what the database takes on the disk, in bytes.
func (s *Store) Size(ctx context.Context) (int64, error) { return s.size(ctx) }

// Backup writes a consistent copy into a file that does not exist yet, while others write. With PostgreSQL it is refused: pg_dump
// does that.
func (s *Store) Backup(ctx context.Context, file string) error { return s.backup(ctx, file) }

// change runs one transaction. It is run again when it was ended by what does not last; so it must be harmless twice.
func (s *Store) change(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	var err error
	for range tries {
		if err = s.once(ctx, do); err == nil || !s.again(err) {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return s.fault(fmt.Errorf("%w within %s", ErrUnavailable, patience))
	}
	return s.explain(err)
}

func (s *Store) once(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = s.reigns(ctx, tx)
	if err == nil {
		err = do(ctx, tx)
	}
	if err != nil {
		_ = tx.Rollback() // what ended it has been said
		return err
	}
	return tx.Commit()
}

// fault is an error with the name of the database before it.
func (s *Store) fault(err error) error { return fmt.Errorf("database %s: %w", s.name, err) }
