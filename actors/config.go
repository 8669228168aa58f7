package actors

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/supervisor"
)

// snapshot is the configuration in force. It outlives the actors; only settings replaces it, anybody may Load it: what it
// points to is never changed.
type snapshot = atomic.Pointer[config.Snapshot]

// settings owns the configuration: an invalid reload leaves the running one in place and says so.
type settings struct {
	inForce *snapshot
	load    func() (*config.Snapshot, error)
	log     *slog.Logger
	tasks   supervisor.Tasks
	waiting []chan<- error
}

type configRead struct {
	snapshot *config.Snapshot
	err      error
}

func (s *settings) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		s.tasks.CancelAll()
	case reloadConfig:
		s.reload(ctx, m)
	case supervisor.TaskDone:
		if s.tasks.Accept(m) {
			read, ok := m.Value.(configRead)
			if !ok {
				read.err = m.Panic
			}
			s.swap(read)
		}
	}
}

// reload reads the files once for all who ask while they are being read.
func (s *settings) reload(ctx actor.Context, m reloadConfig) {
	s.waiting = append(s.waiting, m.reply)
	if len(s.waiting) > 1 {
		return
	}
	s.tasks.Start(ctx, "reload", func(context.Context) any {
		snapshot, err := s.load()
		return configRead{snapshot, err}
	})
}

func (s *settings) swap(read configRead) {
	if read.err != nil {
		s.log.Error("configuration not reloaded: the running one stays in force", "error", read.err)
	} else {
		s.inForce.Store(read.snapshot)
		s.log.Info("configuration reloaded", "nodes", len(read.snapshot.Nodes))
	}
	for _, w := range s.waiting {
		w <- read.err
	}
	s.waiting = nil
}
