package workflow

// Event is something that happened: one of the types below. Those with a Host concern that node alone.
type Event interface {
	target() string // host, "" when the event concerns the deployment
}

type (
	// Ready: the node's actor is up and idle, for the first time or anew. Anew while its last attempt has not ended, it means
	// that the attempt died with the actor before.
	Ready struct{ Host string }

	// Entered: the node begins a micro-step of its attempt.
	Entered struct {
		Host  string
		Micro Micro
	}

	// Arrived: the node stands in send_environment, before the chain, and waits for a Broadcast that names it.
	Arrived struct {
		Host     string
		Transfer string // that it has kept a part of, or all; "": none
	}

	// Passed: the node has the whole image and goes on with its attempt by itself.
	Passed struct{ Host string }

	// Finished: the last step of the node's attempt went well. Its actor is idle.
	Finished struct{ Host string }

	// Failed: the node's attempt ended badly, and its actor with it. It may overtake what the node said before.
	Failed struct {
		Host     string
		Micro    Micro // where it was; "" when it did not get to a step
		Kind     Kind
		Cause    string // one line; cut at 512 bytes
		Evidence string // what the node said last; its last 8 KiB are kept
	}

	// ChainEnded: the chain of the last Broadcast is over, and the next one may start. Stragglers, whose disks or lines were too
	// slow for the chain, may still be fed behind it: Passed or Failed of its nodes may come before or long after this.
	ChainEnded struct{}

	// Wake: the time of a WakeAt has come. An early one does no harm, it is asked for again.
	Wake struct{}

	// Cancel ends the deployment now.
	Cancel struct{ Cause string }
)

// Kind says what a failure means for what may be tried next.
type Kind string

// The kinds. A failure of any other kind is taken as a bug.
const (
	KindRetry   Kind = "retry"   // it may go better next time; the node still stands where it was
	KindTimeout Kind = "timeout" // the step or the attempt took too long; the node is thought to stand
	KindLost    Kind = "lost"    // the agent is gone: the node must boot the deployment system again
	KindAway    Kind = "away"    // the connection to the agent broke: it may call again; else as KindLost
	KindFatal   Kind = "fatal"   // trying again would not help
	KindBug     Kind = "bug"     // our own code failed
)

func (e Ready) target() string    { return e.Host }
func (e Entered) target() string  { return e.Host }
func (e Arrived) target() string  { return e.Host }
func (e Passed) target() string   { return e.Host }
func (e Finished) target() string { return e.Host }
func (e Failed) target() string   { return e.Host }
func (ChainEnded) target() string { return "" }
func (Wake) target() string       { return "" }
func (Cancel) target() string     { return "" }
