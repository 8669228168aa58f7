package torture

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// strike waits for a fault's moment, has it happen, and has it pass.
func (r *run) strike(ctx context.Context, f Fault) {
	done := Strike{Fault: f, Missed: true}
	if r.reached.await(ctx, int64(f.At.Fraction*float64(r.Size))) && pause(ctx, r.after(f.At)) {
		done.From = time.Since(r.zero)
		r.log("* %s", f)
		done.Missed = !r.happens(f)
		done.Until = time.Since(r.zero)
		r.log("* %s: over, %s", f, map[bool]string{true: "missed", false: "done"}[done.Missed])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strikes = append(r.strikes, done)
	slices.SortFunc(r.strikes, func(a, b Strike) int { return int(a.From - b.From) })
}

// after is how long a moment still is away when the image has got so far.
func (r *run) after(m Moment) time.Duration {
	if m.Fraction > 0 {
		return m.After
	}
	return time.Until(r.zero.Add(m.After))
}

// flap is how long a link that is cut again and again is cut each time, and twice as long as it is whole.
const flap = 700 * time.Millisecond

// happens does it, and returns when it has passed. It reports whether there was anybody to do it to.
func (r *run) happens(f Fault) bool {
	host, struck := f.Target, r.sender.current
	if f.Target == Sender {
		host = r.sender.host
	} else {
		struck = r.receivers[f.Target].current
	}
	p := struck()
	switch f.Kind {
	case Killed:
		return p.signal(syscall.SIGKILL)
	case Restarted:
		if !p.signal(syscall.SIGKILL) {
			return false
		}
		<-p.done
		time.Sleep(f.For)
		return r.must(r.receivers[f.Target].start())
	case Late:
		return r.must(r.receivers[f.Target].start())
	case Frozen:
		return p.signal(syscall.SIGSTOP)
	case Paused, SenderPaused:
		if !p.signal(syscall.SIGSTOP) {
			return false
		}
		time.Sleep(f.For)
		return p.signal(syscall.SIGCONT)
	case Cut:
		return !p.over() && r.must(r.stage.cut(host))
	case Unplugged, SenderUnplugged:
		if p.over() || !r.must(r.stage.cut(host)) {
			return false
		}
		time.Sleep(f.For)
		return r.must(r.stage.heal(host))
	case Flapping:
		begin := time.Now()
		for time.Since(begin) < f.For {
			if p.over() || !r.must(r.stage.cut(host)) {
				return time.Since(begin) > flap
			}
			time.Sleep(flap)
			if !r.must(r.stage.heal(host)) {
				return false
			}
			time.Sleep(flap / 2)
		}
		return true
	case SenderRestarted:
		return r.sender.replace(f.For)
	}
	return false
}

// must notes what the stage could not do. A run in which that happens is no good: the judge sees it missed.
func (r *run) must(err error) bool {
	if err != nil {
		r.log("not done: %v", err)
	}
	return err == nil
}
