package actors

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/supervisor"
)

// settings owns the configuration in force. Snapshots are immutable, so they are handed out as they are; an invalid
// reload leaves the running one in place and says so.
type settings struct {
	shared  *snapshotHolder
	load    func() (*config.Snapshot, error)
	log     *slog.Logger
	readers map[string]*actor.PID
	tasks   supervisor.Tasks
	waiting []chan<- error
}

// snapshotHolder outlives an incarnation of the actor.
type snapshotHolder struct{ snapshot *config.Snapshot }

func newSettings(shared *snapshotHolder, load func() (*config.Snapshot, error), log *slog.Logger) *settings {
	return &settings{shared: shared, load: load, log: log, readers: make(map[string]*actor.PID)}
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
	case getConfig:
		s.readers[m.to.Id] = m.to
		ctx.Send(m.to, configChanged{s.shared.snapshot})
	case reloadConfig:
		s.reload(ctx, m)
	case supervisor.TaskDone:
		if s.tasks.Accept(m) {
			read, ok := m.Value.(configRead)
			if !ok {
				read.err = m.Panic
			}
			s.swap(ctx, read)
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

func (s *settings) swap(ctx actor.Context, read configRead) {
	if read.err != nil {
		s.log.Error("configuration not reloaded: the running one stays in force", "error", read.err)
	} else {
		s.shared.snapshot = read.snapshot
		s.log.Info("configuration reloaded", "nodes", len(read.snapshot.Nodes))
		for _, reader := range s.readers {
			ctx.Send(reader, configChanged{read.snapshot})
		}
	}
	for _, w := range s.waiting {
		w <- read.err
	}
	s.waiting = nil
}
