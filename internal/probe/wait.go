package probe

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTimeout says that the node was not as wanted in time.
var ErrTimeout = errors.New("not up")

// WaitConfig is the rhythm of Wait.
type WaitConfig struct {
	FirstProbe time.Duration // before the first look: a node that was just told to reboot is still up
	Interval   time.Duration // between two looks; default 1 s
	Timeout    time.Duration // for everything, FirstProbe included; 0: only the context ends it
}

// Wait looks until check says yes. Its error wraps ErrTimeout or the context's error, and ends with the reason of the
// last look: "not up after 2m0s: ssh port 22 refused, marker port 25300 refused".
func Wait(ctx context.Context, cfg WaitConfig, check Check) error {
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	within := ctx
	if cfg.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, cfg.Timeout)
		defer cancel()
		within = limited
	}
	reason := "never probed"
	for pause := cfg.FirstProbe; ; pause = cfg.Interval {
		if !sleep(within, pause) {
			break
		}
		ok, why := check(within)
		if ok {
			return nil
		}
		if within.Err() == nil || reason == "never probed" { // a look cut short knows less than the one before
			reason = why
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting for the node: %w (%s)", err, reason)
	}
	return fmt.Errorf("%w after %v: %s", ErrTimeout, cfg.Timeout, reason)
}

// sleep waits for pause, and reports whether the context outlived it.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
