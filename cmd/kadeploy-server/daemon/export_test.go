package daemon

import (
	"log/slog"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/supervisor"
)

// Wait is the part of Run after the start, for a tree of the test's own.
func Wait(system *actor.ActorSystem, tree *supervisor.Tree, log *slog.Logger, closed func(), signals <-chan os.Signal, timeout time.Duration) error {
	s := &server{log: log, system: system, tree: tree, consoles: console.NewHub(console.Config{Log: log})}
	s.onClose(closed)
	return s.wait(signals, timeout)
}

// Serve is Run, with a look inside once it serves.
func Serve(cfg Config, signals <-chan os.Signal, serves func(*actor.ActorSystem)) error {
	if err := prepareDirs(&cfg.Snapshot.Global); err != nil {
		return err
	}
	log, err := newLog(cfg)
	if err != nil {
		return err
	}
	s, err := build(cfg, log)
	if err != nil {
		return err
	}
	serves(s.system)
	return s.wait(signals, 25*time.Second)
}

// Reread is what SIGHUP does to the configuration.
func Reread(started *config.Snapshot, log *slog.Logger) (*config.Snapshot, error) {
	return reread(started, log)
}

// Library is the handler of the actor library's log.
func Library(next slog.Handler) slog.Handler { return library{next} }

// TakeOver is what a start does with a file of rights.
var TakeOver = takeOver
