package actors

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/time/rate"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/supervisor"
)

// snapshot is the configuration in force. It outlives the actors; only settings replaces it, anybody may Load it: what it
// points to is never changed.
type snapshot = atomic.Pointer[config.Snapshot]

// settings owns the configuration: an invalid reload leaves the running one in place and says so.
type settings struct {
	inForce *snapshot
	uplink  *rate.Limiter
	depot   *depot.Depot      // nil: none
	cache   *imagecache.Cache // nil: none
	load    func() (*config.Snapshot, error)
	log     *slog.Logger
	tasks   supervisor.Tasks
	waiting []chan<- error // for the reading under way
	next    []chan<- error // came during it: the files may have changed since it began
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
			if next := s.next; len(next) > 0 {
				s.next = nil
				s.read(ctx, next)
			}
		}
	}
}

// reload reads the files; who asks while they are being read waits for a second reading.
func (s *settings) reload(ctx actor.Context, m reloadConfig) {
	if len(s.waiting) > 0 {
		s.next = append(s.next, m.reply)
		return
	}
	s.read(ctx, []chan<- error{m.reply})
}

func (s *settings) read(ctx actor.Context, waiting []chan<- error) {
	s.waiting = waiting
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
		setLimit(s.uplink, read.snapshot.Global.ChainRateTotal)
		if g := read.snapshot.Global; s.depot != nil {
			s.depot.Limit(g.UploadMax, g.UploadMaxUser, g.UploadMaxFile)
		}
		if s.cache != nil {
			s.cache.Limit(read.snapshot.Global.ImageCacheSize)
		}
		s.log.Info("configuration reloaded", "nodes", len(read.snapshot.Nodes))
	}
	for _, w := range s.waiting {
		w <- read.err
	}
	s.waiting = nil
}
