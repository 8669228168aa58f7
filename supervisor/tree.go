package supervisor

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Tree is a running supervision tree. Its methods may be called from any goroutine but an actor's.
type Tree struct {
	name    string
	system  *actor.ActorSystem
	pid     *actor.PID
	failed  <-chan error
	stopped chan struct{}
}

// StartTree spawns the top supervisor under a Guardian and waits until all below it is up. When something cannot start,
// what was started is stopped again, in reverse order, and the error is a *StartError that names it.
func StartTree(system *actor.ActorSystem, cfg Config) (*Tree, error) {
	started, stopped := make(chan error, 1), make(chan struct{})
	top := New(cfg)
	top.started = func(err error) { started <- err }
	top.stopped = func() { close(stopped) }

	guardian := NewGuardian(cfg.Log)
	pid, err := system.Root.SpawnNamed(Props(func() actor.Actor { return top }, actor.WithGuardian(guardian)), cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("start tree %s: %w", cfg.Name, err)
	}
	t := &Tree{name: cfg.Name, system: system, pid: pid, failed: guardian.Failed(), stopped: stopped}
	select {
	case err = <-started:
	case err = <-t.failed:
	}
	if err != nil {
		_ = t.Stop(context.Background()) // bounded by the deadlines of the children
		return nil, err
	}
	return t, nil
}

// PID is the top supervisor.
func (t *Tree) PID() *actor.PID { return t.pid }

// Failed receives the error that the tree failed with, once all of it has been stopped in order; the program should
// end with it.
func (t *Tree) Failed() <-chan error { return t.failed }

// Stopped is closed when the tree is gone, for whatever reason.
func (t *Tree) Stopped() <-chan struct{} { return t.stopped }

// Stop stops the tree in order and returns when it is gone, or with an error when ctx ends first.
func (t *Tree) Stop(ctx context.Context) error {
	select {
	case <-t.stopped:
		return nil
	default:
		t.system.Root.Send(t.pid, shutdown{})
	}
	select {
	case <-t.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop tree %s: %w", t.name, ctx.Err())
	}
}
