package workflow

import "time"

// Action is something the caller has to do: one of the types below, in the order given.
type Action interface{ action() }

type (
	// Run: the node, whose actor is idle, begins an attempt. It will say Entered before each step, Arrived and Passed at the
	// chain, and in the end Finished or Failed.
	Run struct {
		Host string
		Attempt
	}

	// Retry: the node's actor is started again after Delay. It will say Ready.
	Retry struct {
		Host  string
		Delay time.Duration
	}

	// Broadcast: a transfer starts to these nodes, which have all Arrived, in the order of the configuration: a new one, or that which
	// all of them have kept a part of goes on. No other starts before its ChainEnded. Each node will say Passed or Failed, a straggler when others are long in the next one.
	Broadcast struct{ Hosts []string }

	// WakeAt asks for Wake at that time. A later WakeAt does not take back an earlier one.
	WakeAt struct{ At time.Time }

	// Settled: the node has ended, for good. What its actor still does is stopped.
	Settled struct {
		Host     string
		Phase    Phase // PhaseOK, PhaseKO, PhaseCut or PhaseCancelled
		Macro    Macro // where it stood, or failed; "" when it never ran
		Instance string
		Micro    Micro  // the step it entered last, "" when none had begun
		Cause    string // one line, "" when OK
		Evidence string // of its last failure, "" when OK
		Stopped  bool   // OK, and at a breakpoint before Micro: it has no new system
	}

	// End: every node is settled and the deployment is over.
	End struct {
		Outcome Outcome
		Text    string // one line for people
	}
)

// Attempt is one go at a macro-step.
type Attempt struct {
	Macro    Macro
	Instance string
	Try      int    // of this instance, from 1
	From     int    // index in Steps of the step to begin with: more than 0 when a step is tried again in place
	Steps    []Step // not to be changed; none where a breakpoint is before the first

	// Timeout is what is left of the try's time; 0: no limit. The time from Arrived to Broadcast does not count, the node
	// waits for others then, nor does that of AwaitAgent.
	Timeout time.Duration
}

// Phase is where a node stands in the operation.
type Phase string

// The phases. The last four are for good.
const (
	PhaseWaiting   Phase = "waiting"  // its actor was never up
	PhaseRunning   Phase = "running"  // also while it waits for the chain
	PhaseRetrying  Phase = "retrying" // failed, and will be tried again
	PhaseOK        Phase = "OK"
	PhaseKO        Phase = "KO"
	PhaseCut       Phase = "cut" // given up because the outcome no longer depends on it
	PhaseCancelled Phase = "cancelled"
)

// Settled says whether the phase is for good.
func (p Phase) Settled() bool {
	switch p {
	case PhaseOK, PhaseKO, PhaseCut, PhaseCancelled:
		return true
	}
	return false
}

// Outcome is how a deployment ended.
type Outcome string

// The outcomes.
const (
	OutcomeAllOK   Outcome = "all OK"
	OutcomeQuorum  Outcome = "quorum"  // as many nodes as asked for are OK, not all
	OutcomePartial Outcome = "partial" // no number was asked for, and some nodes are OK, some are KO
	OutcomeFailed  Outcome = "failed"  // fewer than asked for, or none
	OutcomeAborted Outcome = "aborted" // cancelled
)

func (Run) action()       {}
func (Retry) action()     {}
func (Broadcast) action() {}
func (WakeAt) action()    {}
func (Settled) action()   {}
func (End) action()       {}
