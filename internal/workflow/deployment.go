package workflow

import (
	"fmt"
	"time"
)

// Config is what a Deployment is made of.
type Config struct {
	Hosts    []HostPlan // each host once, in the order of the configuration
	MinNodes int        // as many OK nodes are a success; 0: all are wanted

	// Grace is how long a chain with a quorum waits for the late. It starts at once when 0.
	Grace time.Duration

	// Backoff is the delay before a node that has failed so many times (from 1) starts again; nil: none.
	Backoff func(host string, failures int) time.Duration
}

// HostPlan is a node and its way.
type HostPlan struct {
	Host        string
	Plan        Plan
	StepRetries map[Micro]int // extra tries of a micro-step in place, in each try of its macro-step; not to be changed
	Past        *Past         // of a deployment that is resumed; nil: the node begins
	Reconnect   time.Duration // so long an agent whose connection broke is waited for, before the node is booted again; 0: not at all
}

// Deployment moves the nodes of one request through their plans. It serves a reboot as well: that is a plan of one macro-step.
type Deployment struct {
	min     int
	grace   time.Duration
	backoff func(host string, failures int) time.Duration

	nodes  []*node
	byHost map[string]*node
	tally  tally
	chain  barrier
	ended  bool
	out    []Action // of the event at hand
}

// New makes a deployment whose nodes wait to be Ready. Of one that is resumed some may be settled: a Wake has it judge whether it is
// over. It panics when a host comes twice or has a plan without an instance
// to try, which [NewPlan] and [NewRebootPlan] never make.
func New(config Config) *Deployment {
	d := &Deployment{
		min:     max(config.MinNodes, 0),
		grace:   max(config.Grace, 0),
		backoff: config.Backoff,
		byHost:  make(map[string]*node, len(config.Hosts)),
	}
	for _, h := range config.Hosts {
		if d.byHost[h.Host] != nil {
			panic(fmt.Sprintf("workflow: host %q comes twice", h.Host))
		}
		n := newNode(h)
		d.nodes = append(d.nodes, n)
		d.byHost[h.Host] = n
		d.tally.add(n, +1)
	}
	return d
}

// Handle takes one event and says what to do. Events of hosts that are unknown or settled are ignored, and so is what
// cannot have happened where the node stands. After End the answer is always empty.
func (d *Deployment) Handle(now time.Time, ev Event) []Action {
	if d.ended || ev == nil {
		return nil
	}
	d.out = nil
	switch ev := ev.(type) {
	case Cancel:
		d.cancel(now, ev.Cause)
	case ChainEnded:
		d.chain.running = false
	case Wake:
		d.chain.asked = false
	default:
		d.move(now, ev)
	}
	d.judge(now)
	d.startChain(now)
	out := d.out
	d.out = nil
	return out
}

func (d *Deployment) do(a Action) { d.out = append(d.out, a) }

// move gives an event to its node.
func (d *Deployment) move(now time.Time, ev Event) {
	n := d.byHost[ev.target()]
	if n == nil || n.phase.Settled() {
		return
	}
	d.tally.add(n, -1)
	defer d.tally.add(n, +1)
	switch ev := ev.(type) {
	case Ready:
		d.ready(now, n)
	case Entered:
		n.enter(now, ev.Micro)
	case Arrived:
		n.arrive(now, ev.Transfer)
	case Passed:
		n.pass()
	case Finished:
		d.finished(now, n)
	case Failed:
		d.failed(now, n, ev)
	}
}

func (d *Deployment) ready(now time.Time, n *node) {
	if n.state != idle {
		lost := Failed{Micro: n.place.micro, Kind: KindLost, Cause: "the server's actor of this node was started anew"}
		if !n.retry(now, lost) {
			d.settle(now, n, PhaseKO)
			return
		}
	}
	d.run(now, n)
}

func (d *Deployment) run(now time.Time, n *node) {
	d.do(Run{n.Host, n.run(now)})
}

func (d *Deployment) finished(now time.Time, n *node) {
	if !n.mayFinish() {
		return
	}
	if n.next(now) {
		d.run(now, n)
		return
	}
	n.cause, n.evidence = "", ""
	d.settle(now, n, PhaseOK)
}

func (d *Deployment) failed(now time.Time, n *node, failure Failed) {
	if !n.retry(now, failure) {
		d.settle(now, n, PhaseKO)
		return
	}
	retry := Retry{Host: n.Host}
	if d.backoff != nil {
		retry.Delay = max(d.backoff(n.Host, n.failures), 0)
	}
	d.do(retry)
}

func (d *Deployment) settle(now time.Time, n *node, phase Phase) {
	n.leave(now)
	n.phase = phase
	d.do(Settled{n.Host, phase, n.place.macro, n.place.instance, n.place.micro, n.cause, n.evidence, n.stopped})
}
