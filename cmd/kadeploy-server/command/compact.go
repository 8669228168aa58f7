package command

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// compact gives back to the disk what the database does not need.
func (r *runner) compact(c *cli.Context) error {
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	if err := idle(snapshot); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	done, err := store.Compact(ctx, snapshot.Global.Database)
	switch {
	case ctx.Err() != nil && err != nil:
		return errors.New("interrupted; the database is as it was")
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(r.Stdout, "compacted %s: %s before, %s now, of which %s are reserved for the ends of what runs\n",
		done.Database, wording.Size(uint64(done.Before)), wording.Size(uint64(done.After)), wording.Size(uint64(done.Reserved)))
	return err
}

const compactHelp = `Gives the room in the SQLite file that nothing is in, as after history_keep was made shorter, back to the disk. The daemon
must not run. It needs room for the smaller copy beside the file, which takes its place in one step when it is whole. 4 MiB stay reserved
in the file. PostgreSQL has VACUUM FULL for that.

EXAMPLES:
   kadeploy-server compact -d /etc/kadeploy`
