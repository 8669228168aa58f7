package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// A book of rights that is to come into the database: what servers kept before they had rights there, or what an import has made.
const (
	rightsFile = "rights.json"
	takenOver  = rightsFile + ".imported" // its name then
)

// takeOver brings the users and rights of a file of the state directory into a database that has none, once: the file gets another
// name. Killed at any moment, it ends what it has begun at the next start. A file that is broken, or that is another book
// than the database holds, is left as it is, and an error.
func takeOver(ctx context.Context, db *store.Store, stateDir string, log *slog.Logger) error {
	path := filepath.Join(stateDir, rightsFile)
	book, err := rights.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := db.Rights(ctx)
	switch {
	case err != nil:
		return err
	case kept.Equal(rights.New()):
		err = db.KeepRights(ctx, book)
	case !kept.Equal(book): // who is right nobody can tell; what was taken away meanwhile must not come back
		err = errors.New("the database holds other users and rights already; move the file away to keep those")
	}
	if err == nil {
		err = rename(stateDir, rightsFile, takenOver)
	}
	if err != nil {
		return fmt.Errorf("rights: %s is not taken over: %w", path, err)
	}
	log.Info("users and rights taken over into the database", "file", path, "users", len(book.Users()), "rights", len(book.Grants()), "now", takenOver)
	return nil
}

// rename is durable when it returns.
func rename(dir, from, to string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Rename(from, to); err != nil {
		return fmt.Errorf("it cannot be renamed to %s: %w", to, wording.Bare(err))
	}
	parent, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
