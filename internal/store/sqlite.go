package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// sqliteFile is the engine of a SQLite file.
type sqliteFile struct {
	*Store
	path   string
	opened fs.FileInfo // the file when it was opened; nil: it was not
	locked *os.File    // beside the file, which SQLite locks in ways of its own
}

// lock holds a file beside the database. The kernel lets go of it when this process ends.
func (f *sqliteFile) lock(context.Context) (bool, error) {
	beside, err := os.OpenFile(f.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, f.fault(wording.Bare(err))
	}
	err = unix.Flock(int(beside.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		err = errors.Join(ignore(err, unix.EWOULDBLOCK), beside.Close())
		return false, err
	}
	f.locked = beside
	return true, f.inPlace()
}

// inPlace tells of a file that was opened, and is not the database any more: who held the lock before has put another in its place.
func (f *sqliteFile) inPlace() error {
	if f.opened == nil {
		return nil
	}
	if now, err := os.Stat(f.path); err != nil || !os.SameFile(f.opened, now) {
		return f.fault(errors.New("another file was put in its place just now (restore, compact): start again"))
	}
	return nil
}

func (f *sqliteFile) unlock() error {
	if f.locked == nil {
		return nil
	}
	locked := f.locked
	f.locked = nil
	return locked.Close()
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// sqliteAt makes the store of a file that it does not touch yet.
func (s *Store) sqliteAt(path string) (*sqliteFile, error) {
	if path == "" {
		return nil, errors.New("database URL: no file in it; expected sqlite:/PATH/kadeploy.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s.name = path
	f := &sqliteFile{Store: s, path: path}
	s.engine = f
	// The journal mode is a property of the file, the rest of each connection.
	if s.write, err = sql.Open("sqlite", f.dsn("_journal_mode=WAL", "_txlock=immediate")); err != nil {
		return nil, f.explain(err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", f.dsn("_query_only=1")); err != nil {
		return nil, f.explain(err)
	}
	s.read.SetMaxOpenConns(maxRead)
	return f, nil
}

func (s *Store) openSQLite(ctx context.Context, path string) error {
	f, err := s.sqliteAt(path)
	if err != nil {
		return err
	}
	if err := makeFile(f.path); err != nil {
		return s.fault(wording.Bare(err))
	}
	if f.opened, err = os.Stat(f.path); err != nil {
		return s.fault(wording.Bare(err))
	}
	if err := f.examine(ctx, "PRAGMA quick_check(1)"); err != nil {
		return err
	}
	if s.asIs {
		return nil
	}
	if err := f.explain(s.migrate(ctx, goose.DialectSQLite3)); err != nil {
		return err
	}
	if err := f.makeRoom(ctx); err != nil {
		f.log.Warn(err.Error())
	}
	return nil
}

func (f *sqliteFile) dsn(params ...string) string {
	u := url.URL{Scheme: "file", Path: f.path}
	query := "_busy_timeout=10000&_foreign_keys=1&_synchronous=FULL&_dqs=0&_error_rc=1&_pragma=journal_size_limit(67108864)"
	for _, p := range params {
		query += "&" + p
	}
	return u.String() + "?" + query
}

// makeFile makes an empty file that its owner alone can read. What SQLite puts beside it gets the same mode.
func makeFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// examine runs a pragma that answers with "ok", or with what it found.
func (f *sqliteFile) examine(ctx context.Context, pragma string) error {
	begun := time.Now()
	var found string
	if err := f.read.QueryRowContext(ctx, pragma).Scan(&found); err != nil {
		return f.explain(err)
	}
	if found != "ok" {
		return &DamagedError{Database: f.name, Detail: wording.Clean(found)}
	}
	f.log.Debug("database examined", "database", f.name, "took", time.Since(begun))
	return nil
}

func (f *sqliteFile) check(ctx context.Context) error {
	return f.examine(ctx, "PRAGMA integrity_check(1)")
}

func (f *sqliteFile) size(context.Context) (int64, error) {
	var n int64
	for _, part := range parts {
		info, err := os.Stat(f.path + part)
		if err == nil {
			n += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return 0, f.fault(wording.Bare(err))
		}
	}
	return n, nil
}

func (f *sqliteFile) again(error) bool { return false } // who is busy has been waited for

func (f *sqliteFile) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		return f.fault(fmt.Errorf("the operation of a fact %w", ErrUnknown))
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &DamagedError{Database: f.name, Detail: e.Error()}
	case sqlite3.SQLITE_FULL:
		return f.fault(fmt.Errorf("%w: nothing was written; make room", ErrFull))
	case sqlite3.SQLITE_IOERR:
		return f.fault(fmt.Errorf("the disk failed or is full: nothing was written (%w)", err))
	case sqlite3.SQLITE_BUSY:
		return f.fault(fmt.Errorf("%w: another program holds the file; end that", ErrUnavailable))
	}
	return f.fault(err)
}
