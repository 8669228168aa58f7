package actors

import (
	"cmp"
	"context"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// enter tells that the node begins a step. Where that acts, it returns when that is written, however long it takes; the clock of the try stands
// still meanwhile. An error says why the try is over.
func (w *walker) enter(ctx context.Context, step workflow.Step, clock *clock) error {
	m := nodeEntered{incarnation: w.incarnation, micro: step.Micro}
	if step.Micro == workflow.WaitReboot && step.Boot == workflow.BootDeploy {
		m.boot = w.boot
	}
	if !w.job.recorded || !step.Micro.Acts() {
		w.tell(m)
		return nil
	}
	clock.hold()
	defer clock.resume()
	_, err := askThrough(ctx, w.system, journalName, func(written chan<- struct{}) {
		m.written = func() { written <- struct{}{} }
		w.tell(m)
		m.again = true
	})
	if err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// renew gives a boot that is about to be ordered the time back that has passed since its profile was written: the node may have waited for the
// database, for longer than its token is good.
func (w *walker) renew(ctx context.Context) error {
	if w.boot == nil || time.Until(w.boot.Until) > cmp.Or(w.attempt.Timeout, longestBoot)-time.Second {
		return nil
	}
	same, err := w.expect(ctx, w.token, false)
	w.boot = same.boot()
	return err
}
