package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// restore puts a copy in the place of the database.
func (r *runner) restore(c *cli.Context) error {
	if c.NArg() != 1 {
		return usage("restore", "restore takes one argument: the file that backup has written")
	}
	dry := c.Bool("dry-run")
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	if !dry {
		if err := idle(snapshot); err != nil {
			return err
		}
	}
	ctx, stop := interruptible()
	defer stop()
	done, err := store.Restore(ctx, snapshot.Global.Database, c.Args().First(), dry)
	switch {
	case ctx.Err() != nil && err != nil:
		return errors.New("interrupted; the database is as it was")
	case err != nil:
		return err
	}
	return r.restored(done, c.Args().First(), dry)
}

func (r *runner) restored(done *store.Restored, file string, dry bool) error {
	holds := plural(done.Operations, "operation")
	if done.Operations > 0 {
		holds += ", the last begun " + done.Last.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(r.Stdout, "%s: whole, %s, schema %d of %d, %s\n", file, wording.Size(uint64(done.Bytes)), done.Schema, done.Known, holds)
	if done.Underway > 0 && err == nil {
		_, err = fmt.Fprintf(r.Stdout, "%s under way when it was made: the daemon ends what has no end as failed, and does not go on with it\n", plural(done.Underway, "operation"))
	}
	switch {
	case err != nil:
		return err
	case dry:
		_, err = fmt.Fprintf(r.Stdout, "--dry-run: %s is as it was\n", done.Database)
		return err
	}
	for _, aside := range done.Aside {
		if _, err := fmt.Fprintf(r.Stdout, "kept what was there: %s\n", aside); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(r.Stdout, "restored %s; start the daemon, then look at kadeploy user list and kadeploy rights list: what was taken away since is back\n", done.Database)
	return err
}

// idle refuses while a daemon runs.
func idle(s *config.Snapshot) error {
	process, err := daemon.At(s.Global.StateDir).Running()
	if err == nil && process != nil {
		err = fmt.Errorf("the daemon runs with pid %d and has the database; stop it first: kadeploy-server stop -d %s", process.PID, filepath.Clean(s.Dir))
	}
	return err
}

const restoreHelp = `Puts a copy that kadeploy-server backup has made in the place of the SQLite database. The daemon must not run, but for
--dry-run. All of the copy is looked at first: one that is damaged, of a newer version or of another program is refused, and nothing is
changed. What was there is kept beside it, with the time in its name: remove it when all is well. An older version is brought up to date by the next start.
Operations that were under way when the copy was made are ended as failed by the next start. Users and rights are those of the copy; who
was shut out since stays out. PostgreSQL has pg_restore for that.

EXAMPLES:
   kadeploy-server restore -d /etc/kadeploy /var/backups/kadeploy.db --dry-run
   kadeploy-server stop -d /etc/kadeploy
   kadeploy-server restore -d /etc/kadeploy /var/backups/kadeploy.db
   kadeploy-server start -d /etc/kadeploy`
