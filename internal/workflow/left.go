package workflow

import "time"

// Left is the longest that the deployment can still take from now on by the plans of its nodes: every try that a node has left, with all its
// time, and the waits before the chain. It says false when a try has no limit. What it leaves out is small or not the plan's: the delays of
// Backoff, the time to stop who is cut off, waits for a database that is away, and nodes whose agents are lost, one after another, while they wait for each other before the
// first chain.
//
// A node waits before the first chain for the slowest; before a later one, or when it comes late to the first, for the chain that runs, which
// ends with the tries of its members, and for the grace time. One that is alone waits for nobody.
func (d *Deployment) Left(now time.Time) (left time.Duration, limited bool) {
	alive := d.alive()
	var gather, wait time.Duration
	for _, n := range alive {
		if !n.limited() {
			return 0, false
		}
		if n.toChain() {
			gather = max(gather, n.untilChain(now))
		}
		wait = max(wait, d.grace+n.longestBroadcast())
	}
	if len(alive) == 1 {
		return alive[0].left(now), true
	}
	for _, n := range alive {
		own, waits := n.left(now), time.Duration(n.arrivals())*wait
		left = max(left, own+waits)
		if d.chain.rounds == 0 && n.toChain() { // with all others
			left = max(left, gather+own-n.beforeBroadcast(now)+waits-wait)
		}
	}
	return left, true
}

// alive are the nodes that are not settled.
func (d *Deployment) alive() (alive []*node) {
	for _, n := range d.nodes {
		if !n.phase.Settled() {
			alive = append(alive, n)
		}
	}
	return alive
}

// limited says whether each try that the node can come to has a limit.
func (n *node) limited() bool {
	for i := range n.Plan.Macros {
		from := n.visits[i].instance
		if n.returns() > 0 && i < n.broadcast() {
			from = 0
		} else if i < n.start() {
			continue
		}
		for _, instance := range n.Plan.Macros[i].Instances[from:] {
			if instance.Timeout == 0 {
				return false
			}
		}
	}
	return true
}

// left is the node's own time until it is settled, without its waits for others.
func (n *node) left(now time.Time) time.Duration {
	sum := n.tryLeft(now)
	for i := n.start(); i < len(n.Plan.Macros); i++ {
		sum += n.ahead(i)
	}
	if b := n.broadcast(); b >= 0 {
		for i := range b {
			sum += time.Duration(n.returns()) * n.whole(n.Plan.Macros[i].Instances)
		}
	}
	return sum
}

// beforeBroadcast is the node's own time before it comes to BroadcastEnv, without returns.
func (n *node) beforeBroadcast(now time.Time) time.Duration {
	b := n.broadcast()
	if n.macro >= b && !n.recalled {
		return 0
	}
	sum := n.tryLeft(now)
	for i := n.start(); i < b; i++ {
		sum += n.ahead(i)
	}
	return sum
}

// untilChain is the node's own time until it stands before the chain, without returns.
func (n *node) untilChain(now time.Time) time.Duration {
	b := n.broadcast()
	switch i := n.Plan.Macros[b].Instances[n.visits[b].instance]; {
	case n.macro == b && n.state == arrived:
		return 0
	case n.macro == b && n.sending() > 0:
		return n.tryLeft(now)
	case n.macro != b && indexOf(i.Steps, SendEnvironment) > 0:
		return n.beforeBroadcast(now) + i.Timeout
	}
	return n.beforeBroadcast(now)
}

// toChain says whether the node is to come to the chain, or may have to once more.
func (n *node) toChain() bool { return n.expectsImage() || n.recalled && n.broadcast() >= 0 }

// start is the macro-step that the node may have to begin with: the first one, when it waits in vain for its agent after a stop of the server.
func (n *node) start() int {
	if n.recalled {
		return 0
	}
	return n.macro
}

// broadcast is the index of BroadcastEnv, -1 where there is none.
func (n *node) broadcast() int { return n.macroAt(BroadcastEnv) }

// returns is how often the node can lose its agent in BroadcastEnv and go back before it: each costs a try of that.
func (n *node) returns() int {
	if b := n.broadcast(); b >= n.start() {
		return n.triesFrom(b) - 1
	}
	return 0
}

// arrivals is how often the node can still come to wait before the chain.
func (n *node) arrivals() int {
	b := n.broadcast()
	if b < n.start() {
		return 0
	}
	if n.macro == b && !n.recalled && (n.state == receiving || n.hasImage) {
		return n.triesFrom(b) - 1
	}
	return n.triesFrom(b)
}

// triesFrom counts the tries of a macro-step that are left, the present one included.
func (n *node) triesFrom(macro int) int {
	v := n.visits[macro]
	tries := 1 - v.try
	for _, i := range n.Plan.Macros[macro].Instances[v.instance:] {
		tries += i.Tries
	}
	return tries
}

// ahead is the time of the tries of a macro-step that are left; without that of the attempt at hand.
func (n *node) ahead(macro int) time.Duration {
	v := n.visits[macro]
	instances := n.Plan.Macros[macro].Instances[v.instance:]
	begun := v.try - 1
	if macro == n.macro && !n.recalled {
		begun = v.try
	}
	return n.whole(instances) - time.Duration(begun)*n.try(instances[0])
}

// whole is the time of all tries of some instances.
func (n *node) whole(instances []InstancePlan) (sum time.Duration) {
	for _, i := range instances {
		sum += time.Duration(i.Tries) * n.try(i)
	}
	return sum
}

// try is the longest that one try takes: an agent may be waited for once in it, and the try is done again then.
func (n *node) try(i InstancePlan) time.Duration {
	if n.Reconnect == 0 {
		return i.Timeout
	}
	return 2*i.Timeout + n.Reconnect
}

// tryLeft is what is left of the try at hand.
func (n *node) tryLeft(now time.Time) time.Duration {
	sum := n.attempt.Timeout
	awaits := len(n.attempt.Steps) > 0 && n.attempt.Steps[0].Micro == AwaitAgent && n.step <= 0 // its clock stands still
	switch {
	case awaits:
		sum += n.Reconnect
	case n.state == arrived:
		sum -= n.waiting.Sub(n.begun)
	case n.state != idle:
		sum -= now.Sub(n.begun)
	}
	sum = max(sum, 0)
	if n.Reconnect > 0 && !n.rejoined {
		sum += n.Reconnect + n.instance().Timeout
	}
	return sum
}

// longestBroadcast is the longest that the chain feeds this node.
func (n *node) longestBroadcast() (longest time.Duration) {
	if b := n.broadcast(); b >= n.start() {
		for _, i := range n.Plan.Macros[b].Instances {
			longest = max(longest, i.Timeout)
		}
	}
	return longest
}
