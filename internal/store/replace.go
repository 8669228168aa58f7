package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// parts are the ends of the names of the files that a SQLite database is made of: itself, the log of what is not in it yet, the log's index.
var parts = []string{"", "-wal", "-shm"}

// sqliteOf is the file of a URL, not opened; others is what is said of other databases.
func sqliteOf(url string, others error) (*sqliteFile, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil, others
	}
	return silent().sqliteAt(path)
}

// silent is a store that says nothing.
func silent() *Store { return &Store{log: slog.New(slog.DiscardHandler)} }

// occupy holds the database while its file is replaced.
func (f *sqliteFile) occupy(ctx context.Context) error {
	if err := f.hold(ctx); err != nil {
		return err
	}
	return handOver(f.locked) // it may be new
}

// amend opens a draft of the database as it is, has something done to it, and closes it again: then it is one file, on the disk. Errors
// name it as is said.
func (f *sqliteFile) amend(ctx context.Context, draft *os.File, name string, do func(context.Context, *sqliteFile) error) error {
	d, err := silent().sqliteAt(draft.Name())
	if err != nil {
		return err
	}
	d.name = name
	err = do(ctx, d)
	if closed := d.Close(); err == nil {
		err = d.explain(closed)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(draft.Name() + "-wal"); err == nil {
		return d.fault(errors.New("its log does not go into it: another program has it open"))
	}
	return wording.Bare(draft.Sync())
}

// replace puts a draft in the place of the database, in one step. The files that were there get names that begin with aside, which are
// returned; they are gone when that is "". The database must be held, and opened by nobody else.
func (f *sqliteFile) replace(ctx context.Context, draft, aside string) (kept []string, err error) {
	if aside != "" {
		if kept, err = f.linkAs(aside); err != nil {
			return nil, err
		}
	}
	if err := f.settle(ctx); err != nil {
		return kept, err
	}
	for _, part := range parts[1:] { // or they would be taken for those of the draft
		if err := os.Remove(f.path + part); ignore(err, fs.ErrNotExist) != nil {
			return kept, f.fault(err)
		}
	}
	if err := os.Rename(draft, f.path); err != nil {
		return kept, f.fault(wording.Bare(err))
	}
	return kept, wording.Bare(syncDir(filepath.Dir(f.path)))
}

// settle closes the database. What a server that was killed has left in the log goes into the file by that, if the file is sound: then it is
// whole without the log, and there is no moment without a whole database while it is replaced.
func (f *sqliteFile) settle(ctx context.Context) error {
	if _, err := os.Stat(f.path); err == nil {
		_ = f.checkpoint(ctx)
	}
	return errors.Join(f.read.Close(), f.write.Close())
}

// linkAs gives the files second names, all of them or none.
func (f *sqliteFile) linkAs(aside string) (kept []string, err error) {
	for _, part := range parts {
		switch err = os.Link(f.path+part, aside+part); {
		case err == nil:
			kept = append(kept, aside+part)
			continue
		case errors.Is(err, fs.ErrNotExist):
			continue
		}
		for _, name := range kept {
			_ = os.Remove(name) // it is still there under the first one
		}
		return nil, fmt.Errorf("%s%s: %w", aside, part, wording.Bare(err))
	}
	return kept, wording.Bare(syncDir(filepath.Dir(f.path)))
}

// discard removes a draft, and what SQLite has put beside it. Nothing is left of one that was put in its place.
func discard(draft *os.File) {
	_ = draft.Close()
	for _, part := range parts {
		_ = os.Remove(draft.Name() + part)
	}
}

// handOver gives a file that root has made to the owner of its directory, who is the daemon's user.
func handOver(file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(file.Name()), &dir); err != nil {
		return err
	}
	return file.Chown(int(dir.Uid), int(dir.Gid))
}
