package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/actors"
)

// reloadTimeout bounds the reading of the configuration, which may lie on a disk that hangs.
const reloadTimeout = 30 * time.Second

// wait obeys signals until one of them, or the tree's failure, ends the daemon.
func (s *server) wait(signals <-chan os.Signal, timeout time.Duration) error {
	for {
		select {
		case sig := <-signals:
			if sig == unix.SIGHUP {
				go s.reload()
				continue
			}
			s.log.Info("stopping", "signal", sig.String())
			notify(stopping)
			return s.stop(signals, timeout)
		case err := <-s.tree.Failed():
			return s.failed(err, timeout)
		case <-s.tree.Stopped():
			return s.failed(errVanished, timeout)
		}
	}
}

// errVanished is a tree that ended while nobody stopped it: a daemon that serves nothing must not look alive.
var errVanished = errors.New("it ended, but nobody stopped it")

// failed ends the daemon after its tree; a failing tree has told why before it is gone.
func (s *server) failed(err error, timeout time.Duration) error {
	select {
	case reason := <-s.tree.Failed():
		err = reason
	default:
	}
	err = fmt.Errorf("the supervision tree failed: %w; see the log, start the daemon again", err)
	s.log.Error("not serving any more", "error", err)
	return errors.Join(err, s.bounded(nil, timeout, func(context.Context) error { s.close(); return nil }))
}

// stop ends all in order: consoles, operations, who watches them, the tree, the mechanisms.
func (s *server) stop(signals <-chan os.Signal, timeout time.Duration) error {
	err := s.bounded(signals, timeout, func(ctx context.Context) error {
		s.consoles.Close()
		drain, cancel := context.WithTimeout(ctx, drainTimeout)
		defer cancel()
		actors.Drain(drain, s.system)
		err := s.tree.Stop(ctx)
		s.close()
		return err
	})
	if err != nil {
		s.log.Error("not stopped in order", "error", err)
		return err
	}
	s.log.Info("stopped")
	return nil
}

// bounded does work until it is done, its time is over, or a signal to end comes.
func (s *server) bounded(signals <-chan os.Signal, timeout time.Duration, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return fmt.Errorf("not stopped in %s: ended at once; see the log", timeout)
		case sig := <-signals:
			if sig != unix.SIGHUP {
				return fmt.Errorf("second signal (%s) while stopping: ended at once", sig)
			}
		}
	}
}

// reload reads the configuration again. Its failure is in the log, by the actor; the running configuration stays.
func (s *server) reload() {
	notify(reloading())
	defer notify(ready)
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	_ = actors.Reload(ctx, s.system)
}
