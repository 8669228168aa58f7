package supervisor

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Restart says which ends of a child call for another incarnation (OTP, supervisor behaviour).
type Restart int

const (
	Permanent Restart = iota // always
	Transient                // unless it said Done
	Temporary                // never
)

// Strategy says who is restarted together with a child that ended.
type Strategy int

const (
	OneForOne  Strategy = iota // nobody
	OneForAll                  // every other child
	RestForOne                 // the children after it
)

// Spec describes a child. Its name below the supervisor is ID, in every incarnation.
type Spec struct {
	ID      string
	Restart Restart

	// New makes the actor of an incarnation, the first is 1. It only constructs: a panic in it counts as a failed start.
	New func(incarnation int) actor.Actor

	// NoAck: the child says neither Ready nor StartFailed; it counts as started once it is spawned.
	NoAck bool

	// StartTimeout bounds the time until Ready. 0: 10 s; a supervisor has no bound of its own, its children have theirs.
	StartTimeout time.Duration

	// Shutdown bounds the time from the order to stop to the end. 0: 5 s; a supervisor has no bound of its own.
	Shutdown time.Duration
}

// Config describes a supervisor.
type Config struct {
	Name      string // for errors, events and logs
	Strategy  Strategy
	Intensity int           // restarts within Period before the supervisor fails itself; 0: none
	Period    time.Duration // 0: 5 s
	Children  []Spec        // in the order of their start; who is needed comes first
	Log       *slog.Logger  // nil: slog.Default()

	// OnEvent is told what happens to the children, on the supervisor's own goroutine: it must not block. May be nil.
	OnEvent func(Event)
}

const (
	defaultStart    = 10 * time.Second
	defaultShutdown = 5 * time.Second
	defaultPeriod   = 5 * time.Second
)

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
