package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// backup copies the database. A file of SQLite must be there already: nothing is made.
func (r *runner) backup(c *cli.Context) error {
	file := c.Args().First()
	if c.NArg() != 1 {
		return usage("backup", "backup takes one argument: the file to write")
	}
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	url := snapshot.Global.Database
	if path, sqlite := strings.CutPrefix(url, "sqlite:"); sqlite {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("database %s: there is none yet: it is made when the daemon starts", path)
		}
	}
	db, err := store.Open(c.Context, store.Config{URL: url, AsIs: true})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Backup(c.Context, file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Stdout, "%s: whole, %s; to go back to it: kadeploy-server stop, kadeploy-server restore %s, kadeploy-server start\n", file, wording.Size(uint64(info.Size())), file)
	return err
}
