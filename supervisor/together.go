package supervisor

import (
	"context"
	"sync"
)

// Together runs functions at once, for a task that needs the results of all, and returns when the last one has ended. The first error is
// returned, and cancels the context of the others. When one of them panics, Together does: the daemon goes on, and the task has failed.
func Together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var once sync.Once
	var failed error
	var panicked *PanicError
	for _, fn := range all {
		running.Go(func() {
			v, p := run(ctx, func(ctx context.Context) any { return fn(ctx) })
			if err, _ := v.(error); err != nil || p != nil {
				once.Do(func() { failed, panicked = err, p })
				cancel()
			}
		})
	}
	running.Wait()
	if panicked != nil {
		panic(panicked)
	}
	return failed
}
