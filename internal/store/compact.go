package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Compacted is what became of a file.
type Compacted struct {
	Database      string
	Before, After int64 // bytes on the disk
	Reserved      int64 // bytes of After that are kept for the ends of what runs
}

var errNotCompacted = errors.New("PostgreSQL uses room again by itself (autovacuum); VACUUM FULL, with the daemon stopped, gives it back to the disk")

// Compact gives the room in the SQLite database of a URL that nothing is in back to the disk. It puts a copy in the place of the file, for
// which there must be room beside it; until then the file is as it was. It fails with DamagedError, with ErrFull, and with HeldError while
// a server lives.
func Compact(ctx context.Context, url string) (*Compacted, error) {
	f, err := sqliteOf(url, errNotCompacted)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := os.Stat(f.path); err != nil {
		return nil, f.fault(wording.Bare(err))
	}
	if err := f.occupy(ctx); err != nil {
		return nil, err
	}
	c := &Compacted{Database: f.path, Reserved: reserveSize}
	if c.Before, err = f.size(ctx); err != nil {
		return nil, err
	}
	if err := f.check(ctx); err != nil {
		return nil, err
	}
	if err := f.spare(ctx); err != nil {
		return nil, err
	}
	draft, err := newDraft(f.path)
	if err != nil {
		return nil, f.fault(wording.Bare(err))
	}
	defer discard(draft)
	if err := errors.Join(handOver(draft), f.vacuumInto(ctx, draft.Name())); err != nil {
		return nil, err
	}
	err = f.amend(ctx, draft, f.name, func(ctx context.Context, d *sqliteFile) error {
		return errors.Join(d.check(ctx), d.makeRoom(ctx))
	})
	if err != nil {
		return nil, err
	}
	if _, err := f.replace(ctx, draft.Name(), ""); err != nil {
		return nil, err
	}
	c.After, err = f.size(ctx)
	return c, err
}

// spare makes sure that there is room for a copy beside the file, with its reserve, which is in the log first.
func (f *sqliteFile) spare(ctx context.Context) error {
	var used, size int64
	err := f.read.QueryRowContext(ctx, "SELECT page_count - freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size").Scan(&used, &size)
	if err != nil {
		return f.explain(err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(f.path), &disk); err != nil {
		return f.fault(err)
	}
	need, free := uint64(used*size+2*reserveSize), disk.Bavail*uint64(disk.Bsize)
	if need > free {
		return f.fault(fmt.Errorf("%w: the smaller copy needs %s beside the file, and %s are free", ErrFull, wording.Size(need), wording.Size(free)))
	}
	return nil
}
