package command

import (
	"context"
	"fmt"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// follower stays with one operation.
type follower struct {
	id          string
	asked       []string // nodes of the request, when it was ours
	cancels     bool     // an interrupt cancels the operation; otherwise it only leaves
	interrupted bool     // already, before it began

	board     terminal.Board
	display   Display
	cancelled error // why the server would not cancel
}

// ending is how the watch came to its end; ended is nil when the operation's end is not known.
type ending struct {
	ended *message.Ended
	err   error
}

// follow shows the operation until it ends, the server is lost, or the user leaves.
func (f *follower) follow(ctx context.Context, r *runner, svc Service) ending {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	ends := make(chan ending, 1)
	go func() {
		defer f.restoreOnPanic()
		ended, err := svc.Watch(ctx, f.id, 0, f.event)
		ends <- ending{ended, err}
	}()
	refused := make(chan error, 1)
	var over <-chan time.Time
	if f.interrupted {
		over = f.cancel(ctx, r, svc, refused)
	}
	for {
		select {
		case e := <-ends:
			return e
		case f.cancelled = <-refused:
			f.display.Notice(fmt.Sprintf("cannot cancel %s: %s", f.id, wording.Clean(f.cancelled.Error())))
		case <-over:
			leave()
		case <-r.interrupts:
			if f.interrupted || !f.cancels {
				f.interrupted = true
				leave()
				continue
			}
			f.interrupted = true
			over = f.cancel(ctx, r, svc, refused)
		}
	}
}

// cancel asks the server to end the operation and returns the time at which the wait for that end is over.
func (f *follower) cancel(ctx context.Context, r *runner, svc Service, refused chan<- error) <-chan time.Time {
	f.display.Notice(fmt.Sprintf("interrupted: cancelling %s, for up to %s; Ctrl-C again leaves at once", f.id, wording.Elapsed(r.Grace)))
	go func() {
		if err := svc.Cancel(ctx, f.id); err != nil && ctx.Err() == nil {
			refused <- err
		}
	}()
	return time.After(r.Grace)
}

// event runs on the watch's goroutine.
func (f *follower) event(e *message.Event) error {
	f.board.Apply(e, time.Now())
	f.display.Event(e)
	return nil
}

// restoreOnPanic gives the terminal back before a bug of ours is shown on it.
func (f *follower) restoreOnPanic() {
	if p := recover(); p != nil {
		_ = f.display.Close()
		panic(p)
	}
}

// display chooses how to show an operation.
func (r *runner) display(json, cancels bool) Display {
	hint := "Ctrl-C leaves"
	if cancels {
		hint = "Ctrl-C cancels"
	}
	switch {
	case json:
		return &quiet{Lines: terminal.NewLines(r.Stderr)}
	case r.Live != nil:
		return r.Live(hint, func() {
			select {
			case r.interrupts <- nil: // like a signal: dropped when nobody has taken the last ones yet
			default:
			}
		})
	}
	return terminal.NewLines(r.Stderr)
}

// quiet shows notices only.
type quiet struct{ *terminal.Lines }

func (*quiet) Event(*message.Event) {}
