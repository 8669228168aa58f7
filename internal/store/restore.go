package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Restored is what a copy holds that was put in the place of a database, or would be.
type Restored struct {
	Database   string    // the file
	Bytes      int64     // of the copy
	Schema     int64     // its version
	Known      int64     // the version that the next server brings it to
	Operations int       // in it
	Last       time.Time // when the last of them began; zero: there are none
	Underway   int       // of them without an end: the next server ends them as failed
	Aside      []string  // the files that were there, under their new names
}

var errNotRestored = errors.New("PostgreSQL is restored by its own tools, with the daemon stopped: pg_restore --clean --dbname=DATABASE FILE, or psql for a dump of statements")

// Restore puts a copy, a file that Backup has made, in the place of the SQLite database of a URL, and leaves the copy as it is. It looks at
// all of it first, and refuses one that is damaged or, with NewerError, of a later version. Operations that were under way when it was made
// are marked as Restored: what became of them since is not in it. It fails with HeldError while a server lives. With dry nothing is put in
// the place of the database, and a server may live.
func Restore(ctx context.Context, url, file string, dry bool) (*Restored, error) {
	f, err := sqliteOf(url, errNotRestored)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return nil, f.fault(wording.Bare(err))
	}
	if !dry {
		if err := f.occupy(ctx); err != nil {
			return nil, err
		}
	}
	draft, err := newDraft(f.path)
	if err != nil {
		return nil, f.fault(wording.Bare(err))
	}
	defer discard(draft)
	r := &Restored{Database: f.path}
	if err := f.copyFrom(file, draft); err != nil {
		return nil, fmt.Errorf("restore %s: %w", file, err)
	}
	if err := f.amend(ctx, draft, file, r.take); err != nil {
		return nil, err
	}
	if info, err := draft.Stat(); err == nil {
		r.Bytes = info.Size()
	}
	if dry {
		return r, nil
	}
	r.Aside, err = f.replace(ctx, draft.Name(), f.path+time.Now().Format(".20060102-150405.000"))
	return r, err
}

// copyFrom fills a draft with a file of SQLite, and with the log beside it that a program which was killed has left.
func (f *sqliteFile) copyFrom(file string, draft *os.File) error {
	if is, err := os.Stat(f.path); err == nil {
		if info, err := os.Stat(file); err == nil && os.SameFile(is, info) {
			return errors.New("it is the database itself: name a copy")
		}
	}
	if err := errors.Join(copyInto(draft, file), handOver(draft)); err != nil {
		return err
	}
	if _, err := os.Stat(file + "-wal"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	log, err := os.OpenFile(draft.Name()+"-wal", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return wording.Bare(err)
	}
	defer log.Close()
	return copyInto(log, file+"-wal")
}

func copyInto(out *os.File, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return wording.Bare(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	in, err := os.Open(file)
	if err != nil {
		return wording.Bare(err)
	}
	defer in.Close()
	_, err = io.Copy(out, in)
	return wording.Bare(err)
}

// take looks at all of a draft, and marks the operations in it that have no end.
func (r *Restored) take(ctx context.Context, d *sqliteFile) (err error) {
	var damaged *DamagedError
	if err := d.check(ctx); errors.As(err, &damaged) {
		return fmt.Errorf("%s is damaged (%s): nothing was changed; take another backup", d.name, damaged.Detail)
	} else if err != nil {
		return err
	}
	if r.Schema, r.Known, err = d.schema(ctx); err != nil {
		return err
	}
	if r.Schema > r.Known {
		return &NewerError{Database: d.name, Have: r.Schema, Known: r.Known}
	}
	var last int64
	err = d.read.QueryRowContext(ctx, `SELECT count(*), COALESCE(MAX(since), 0), count(CASE WHEN until = 0 THEN 1 END) FROM operations`).Scan(&r.Operations, &last, &r.Underway)
	if err != nil {
		return d.explain(err)
	}
	r.Last = timeOf(last)
	return d.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE operations SET resumed = -1 - resumed WHERE until = 0 AND resumed >= 0`)
		return err
	})
}
