package supervisor

import "time"

// Policy decides for the members of a Crew. It is called on the goroutine of the actor that owns the crew and ought to
// be pure apart from the counts it keeps.
type Policy interface {
	// Failed says whether a member that failed is tried again. It is asked as soon as the failure is known.
	Failed(Failure) Verdict

	// Standing says whether the crew goes on. It is asked after each end for good; anything but Continue cuts the rest.
	Standing() Standing
}

// Failure is one failure of a member.
type Failure struct {
	ID          string
	Incarnation int    // the one that failed
	Reason      any    // the value it panicked with, the error it gave to StartFailed, or ErrVanished
	Stack       []byte // nil when the failure was planned (Expected); otherwise it is a bug
}

// Verdict says what follows from a failure.
type Verdict struct {
	Again bool
	Delay time.Duration // from the end of the failed process to the start of the next
}

// Standing is how a common effort stands.
type Standing int

const (
	Continue Standing = iota // undecided
	Succeed                  // enough succeeded
	Fail                     // enough can no longer succeed
)

func (s Standing) String() string {
	switch s {
	case Continue:
		return "continue"
	case Succeed:
		return "succeed"
	case Fail:
		return "fail"
	}
	return "unknown"
}
