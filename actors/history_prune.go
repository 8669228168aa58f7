package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/supervisor"
)

// forgotten is what came of a pruning.
type forgotten struct {
	operations int
	before     time.Time
	err        error
}

// prune lets the database forget the operations that ended longer ago than history_keep. When that is 0 it only waits: the
// configuration may be another one then.
func (h *history) prune(ctx actor.Context) {
	if h.archive == nil {
		return
	}
	keep := h.inForce.Load().Global.HistoryKeep
	if keep == 0 {
		h.timers.After(ctx, h.every, pruneNow{})
		return
	}
	archive := h.archive
	h.pruning = h.tasks.Start(ctx, "prune", func(ctx context.Context) any {
		f := forgotten{before: time.Now().Add(-keep)}
		f.operations, f.err = archive.Prune(ctx, f.before, nil)
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
