package workflow

import (
	"fmt"
	"time"
)

// state is what the caller was last told to do with a node that is not settled.
type state int

const (
	idle      state = iota // nothing: its actor is to say Ready
	running                // an attempt
	arrived                // an attempt, and it stands before the chain
	receiving              // an attempt, and the chain feeds it
)

// node is one host on its way through its plan.
type node struct {
	HostPlan
	phase  Phase
	state  state
	macro  int     // index in Plan.Macros
	visits []visit // of each macro-step
	place  place   // of the last step it entered

	attempt  Attempt       // under way, or to be run when the node is ready
	fresh    bool          // the attempt begins a try that has not been run yet
	step     int           // index in attempt.Steps of the step entered last; From-1 before the first
	hasImage bool          // in this try
	repeats  map[Micro]int // tries in place used in this try
	begun    time.Time     // when the attempt was given out, moved on by the wait before the chain
	waiting  time.Time     // since when it stands before the chain
	transfer string        // that it stands there for, having kept a part of it; "": a new one
	spent    time.Duration // of this try's time, by the attempts before

	tries    int  // over all macro-steps
	failures int  // over all
	mounted  bool // the target was mounted behind the broadcast: another broadcast must unmount it first
	stopped  bool // at a breakpoint
	gone     bool // the deployment system was left or lost on the way to the new one: no order reaches the node
	rejoined bool // this try was begun again when the connection to the agent broke
	recalled bool // it waits for its agent since the server was stopped, which is no failure of its own

	cause, evidence string // of the last failure, "" once OK
}

// place is where a node stands, or stood when it failed.
type place struct {
	macro    Macro
	instance string
	micro    Micro
}

// visit is how far a node is in the instances of one macro-step, and what it took.
type visit struct {
	instance int  // index in MacroPlan.Instances
	try      int  // of this instance, from 1
	begun    bool // and has been counted: begun again after a stop of the server it is the same try

	entered bool
	inside  bool      // it is the macro-step under way
	since   time.Time // while inside
	took    time.Duration
	tries   int    // of all instances
	last    string // instance tried last
}

func newNode(h HostPlan) *node {
	n := &node{HostPlan: h, phase: PhaseWaiting, visits: make([]visit, len(h.Plan.Macros))}
	if len(h.Plan.Macros) == 0 {
		panic(fmt.Sprintf("workflow: the plan of host %q is empty", h.Host))
	}
	for i, m := range h.Plan.Macros {
		if len(m.Instances) == 0 {
			panic(fmt.Sprintf("workflow: the plan of host %q has no instance of %s", h.Host, m.Macro))
		}
		n.visits[i].try = 1
	}
	n.prepare(false)
	if h.Past != nil {
		n.tries = 0
		n.recall(*h.Past)
	}
	return n
}

// run begins the attempt that was prepared.
func (n *node) run(now time.Time) Attempt {
	v := &n.visits[n.macro]
	if !v.inside {
		v.entered, v.inside, v.since = true, true, now
	}
	if n.fresh {
		n.fresh = false
		n.place = place{n.attempt.Macro, n.attempt.Instance, ""}
		v.last = n.attempt.Instance
		if !v.begun {
			v.begun = true
			v.tries++
		}
	}
	n.phase, n.state, n.begun = PhaseRunning, running, now
	return n.attempt
}

// enter notes the step that begins. A step cannot begin that is not ahead in the attempt, or behind the chain before the
// image has come.
func (n *node) enter(now time.Time, micro Micro) {
	at := n.find(micro, n.step+1)
	n.seen(at)
	if n.state == running && n.reachable(at) {
		if n.place.micro == AwaitAgent { // that wait was not of its time
			n.begun = now
		}
		n.step, n.place.micro = at, micro
	}
}

// seen takes a node that the chain feeds and that stands behind it for passed: its Passed may have been overtaken.
func (n *node) seen(at int) {
	if n.state == receiving && at > n.sending() {
		n.pass()
	}
}

// reachable says whether the node can stand at a step: what is behind the chain, only with the image.
func (n *node) reachable(at int) bool {
	return at >= 0 && (at <= n.sending() || !n.imageDue())
}

// arrive stops the node's clock: it waits for others now.
func (n *node) arrive(now time.Time, transfer string) {
	if n.state != running || !n.imageDue() {
		return
	}
	n.step, n.place.micro = n.sending(), SendEnvironment
	n.state, n.waiting, n.transfer = arrived, now, transfer
}

// depart ends the wait before the chain; the node's clock goes on.
func (n *node) depart(now time.Time) {
	n.state = receiving
	n.begun = n.begun.Add(max(now.Sub(n.waiting), 0))
}

func (n *node) pass() {
	if n.state == receiving {
		n.state, n.hasImage = running, true
	}
}

// mayFinish says whether the attempt can be over: it was begun, and did not go round the chain.
func (n *node) mayFinish() bool {
	return n.state == running && !n.imageDue()
}

// imageDue says whether the attempt has the chain still ahead.
func (n *node) imageDue() bool { return !n.hasImage && n.sending() >= 0 }

// sending is the index of the step that waits for the chain, -1 when the attempt has none.
func (n *node) sending() int { return indexOf(n.attempt.Steps, SendEnvironment) }

// next moves on to the next macro-step and says whether there is one.
func (n *node) next(now time.Time) bool {
	n.leave(now)
	if n.instance().Break != "" {
		n.stopped, n.place.micro = true, n.instance().Break
		return false
	}
	if n.macro+1 == len(n.Plan.Macros) {
		return false
	}
	n.visits[n.macro].begun = false // done: if it is ever done again, that is another try
	n.macro++
	n.prepare(false)
	return true
}

// leave stops the clock of the macro-step.
func (n *node) leave(now time.Time) {
	v := &n.visits[n.macro]
	v.took = v.sum(now)
	v.inside = false
}

// sum is the time of all stays so far.
func (v *visit) sum(now time.Time) time.Duration {
	if !v.inside {
		return v.took
	}
	return v.took + max(now.Sub(v.since), 0)
}

// expectsImage says whether the image is still to come to this node by the chain.
func (n *node) expectsImage() bool {
	if n.hasImage {
		return false
	}
	for i := n.macro; i < len(n.Plan.Macros); i++ {
		m := n.Plan.Macros[i]
		instance := m.Instances[n.visits[i].instance]
		if m.Macro == BroadcastEnv {
			return indexOf(instance.Steps, SendEnvironment) >= 0
		}
		if instance.Break != "" {
			return false
		}
	}
	return false
}

func (n *node) instance() InstancePlan {
	return n.Plan.Macros[n.macro].Instances[n.visits[n.macro].instance]
}

// find is the index of a step of the attempt from one on, -1 when it is not there.
func (n *node) find(micro Micro, from int) int {
	at := indexOf(n.attempt.Steps[from:], micro)
	if at < 0 {
		return -1
	}
	return from + at
}
