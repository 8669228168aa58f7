package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// reserveSize is room in the file for the ends of some thousand nodes.
const reserveSize = 4 << 20

// keepRoom makes sure that the file has free pages, and its write-ahead log the length for them: when the disk is full, what runs can
// still come to a recorded end, because neither has to grow for that. No operation begins without it. (A file beside it that is given
// up when the disk is full would not do: whoever filled the disk takes that, too.)
func (f *sqliteFile) keepRoom(ctx context.Context) error {
	var free, size int64
	for pragma, n := range map[string]*int64{"freelist_count": &free, "page_size": &size} {
		if err := f.read.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(n); err != nil {
			return f.explain(err)
		}
	}
	if free*size >= reserveSize/2 {
		return nil
	}
	return f.makeRoom(ctx)
}

// makeRoom is done at each opening, too: the log is a new one then.
func (f *sqliteFile) makeRoom(ctx context.Context) error {
	err := f.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range []string{
			"CREATE TABLE reserve (room BLOB)", fmt.Sprintf("INSERT INTO reserve VALUES (zeroblob(%d))", reserveSize), "DROP TABLE reserve",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil { // into the file: only there they are free for others
		err = f.checkpoint(ctx)
	}
	if errors.Is(err, ErrFull) {
		return f.fault(fmt.Errorf("%w: what runs is still recorded, but nothing begins; make room, it goes on by itself", ErrFull))
	}
	return err
}

// checkpoint brings the write-ahead log into the file. That a reader is in the way is no error: it is done later by itself.
func (f *sqliteFile) checkpoint(ctx context.Context) error {
	var busy, length, moved int
	return f.explain(f.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &length, &moved))
}
