package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
)

// recallTimeout bounds the look at the database when the daemon starts, its migration included.
const recallTimeout = 5 * time.Minute

// recall opens the database and reads what daemons before this one have left.
func recall(g *config.Global, log *slog.Logger) (*store.Store, *actors.Memory, error) {
	ctx, cancel := context.WithTimeout(context.Background(), recallTimeout)
	defer cancel()
	db, err := store.Open(ctx, store.Config{URL: g.Database, Log: log})
	if err != nil {
		return nil, nil, err
	}
	host, _ := os.Hostname()
	if err := db.Claim(ctx, fmt.Sprintf("%s, pid %d", host, os.Getpid())); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if err := takeOver(ctx, db, g.StateDir, log); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	memory, err := actors.Recall(ctx, db)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, memory, nil
}
