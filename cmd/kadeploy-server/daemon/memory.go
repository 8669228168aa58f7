package daemon

import (
	"context"
	"time"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
)

// recallTimeout bounds the look at the database when the daemon starts, its migration included.
const recallTimeout = 5 * time.Minute

// recall opens the database and reads what daemons before this one have left.
func (s *server) recall(g *config.Global) (*actors.Memory, error) {
	ctx, cancel := context.WithTimeout(context.Background(), recallTimeout)
	defer cancel()
	db, err := store.Open(ctx, store.Config{URL: g.Database, Log: s.log})
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = db.Close() })
	return actors.Recall(ctx, db)
}
