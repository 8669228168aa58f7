package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/supervisor"
)

// forgotten is what came of a pruning.
type forgotten struct {
	operations int
	before     time.Time // of the operations' ends; zero: all are kept
	err        error
}

// prune lets the database forget the operations that ended longer ago than history_keep, and the counts of days and months that were over
// longer ago than statistics_keep. Where both are 0 it only waits: the configuration may be another one then.
func (h *history) prune(ctx actor.Context) {
	if h.archive == nil {
		return
	}
	global := &h.inForce.Load().Global
	operations, counts := global.HistoryKeep, global.StatisticsKeep
	if operations == 0 && counts == 0 {
		h.timers.After(ctx, h.every, pruneNow{})
		return
	}
	archive := h.archive
	h.pruning = h.tasks.Start(ctx, "prune", func(ctx context.Context) any {
		var f forgotten
		now := time.Now()
		if operations > 0 {
			f.before = now.Add(-operations)
			f.operations, f.err = archive.Prune(ctx, f.before, nil)
		}
		if counts > 0 {
			f.err = errors.Join(f.err, archive.PruneStatistics(ctx, now.Add(-counts)))
		}
		return f
	})
}

func (h *history) pruned(ctx actor.Context, m supervisor.TaskDone) {
	f, _ := m.Value.(forgotten)
	switch {
	case m.Panic != nil:
		h.log.Error("bug while the database was pruned", "reason", m.Panic, "stack", string(m.Panic.Stack))
	case f.err != nil:
		h.log.Warn("the database could not be pruned; it is tried again later", "reason", line(f.err.Error()), "removed", f.operations, "again", h.every)
	case f.operations > 0:
		h.log.Info("database pruned", "removed", f.operations, "ended_before", f.before.Format(time.DateTime))
	}
	h.timers.After(ctx, h.every, pruneNow{})
}
