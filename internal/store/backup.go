package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// backup copies the file as one reader sees it. The copy has another name until it is whole and on the disk.
func (f *sqliteFile) backup(ctx context.Context, file string) error {
	if err := f.copyTo(ctx, file); err != nil {
		return fmt.Errorf("backup %s: %w", file, err)
	}
	return nil
}

var errOccupied = errors.New("exists already, and is not overwritten: name another file, or remove it first")

func (f *sqliteFile) copyTo(ctx context.Context, file string) error {
	if _, err := os.Lstat(file); err == nil {
		return errOccupied
	}
	out, err := newDraft(file)
	if err != nil {
		return wording.Bare(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	if err := f.vacuumInto(ctx, out.Name()); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return wording.Bare(err)
	}
	// A link, unlike a renaming, never takes the place of a file that has come meanwhile.
	if err := os.Link(out.Name(), file); errors.Is(err, fs.ErrExist) {
		return errOccupied
	} else if err != nil {
		return wording.Bare(err)
	}
	return wording.Bare(syncDir(filepath.Dir(file)))
}

// newDraft makes an empty file beside one that it is to become, for its owner alone.
func newDraft(file string) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("%s.%s.tmp", file, rand.Text()[:8]), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// vacuumInto writes one moment of the database into an empty file, without what is free in it.
func (f *sqliteFile) vacuumInto(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", f.dsn())
	if err != nil {
		return f.explain(err)
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", file)
	return f.explain(err)
}
