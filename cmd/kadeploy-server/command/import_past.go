package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/store"
)

// importPast takes the past of a dump into the database of a server, which this program is then the only one to write.
func (r *runner) importPast(dir, dump string, dry, asJSON bool) error {
	site, err := r.loadFrom(dir, "--into")
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	past, err := kadeploy3.ReadPast(ctx, dump, os.Stdin)
	switch {
	case ctx.Err() != nil && err != nil:
		return &argv.Failure{Code: exitUsage, Err: errors.New("interrupted; nothing was taken")}
	case err != nil:
		return &argv.Failure{Code: exitUsage, Err: err}
	}
	taken, err := takePast(ctx, past, site, dry)
	switch {
	case ctx.Err() != nil && err != nil:
		return errors.New("interrupted; what was taken stays: do it again")
	case err != nil:
		return err
	case asJSON:
		err = taken.WriteJSON(r.Stdout)
	default:
		err = taken.WriteText(r.Stdout)
	}
	if err != nil {
		return err
	}
	return notTaken(taken.NotTaken)
}

func takePast(ctx context.Context, past *kadeploy3.Past, site *config.Snapshot, dry bool) (*kadeploy3.Taken, error) {
	to := kadeploy3.Server{Site: site, Now: time.Now()}
	if dry {
		return past.Take(ctx, to)
	}
	if err := daemon.PrepareStateDir(&site.Global); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: site.Global.Database})
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	if err := db.Claim(ctx, fmt.Sprintf("%s, import, pid %d", host, os.Getpid())); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	to.Into = db
	taken, err := past.Take(ctx, to)
	return taken, errors.Join(err, db.Close())
}
