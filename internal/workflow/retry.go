package workflow

import (
	"fmt"
	"time"
)

// retry decides what a node does after its attempt has failed, and prepares it. It says false when nothing is left to try.
//
// The rules, first match:
//
//   - Fatal failures and bugs end the node.
//   - A node whose agent is away waits for it, once in a try, and does the try again (rejoin). When it has waited in vain, or once before,
//     its agent is lost.
//   - A micro-step with extra tries left runs again in place, in the same try, while the try's time lasts and the node still
//     stands (KindRetry, KindTimeout).
//   - The same instance is tried again from its first step until its tries are used, then the next instance, then nothing.
//   - BroadcastEnv cannot be tried again alone when the agent was lost: the node goes back to the first macro-step, which
//     starts with a fresh set of tries, and comes back to the BroadcastEnv try that is due. Each return uses up a try of
//     BroadcastEnv, and the tries of a node are bounded over all, so this comes to an end.
//
// adapt says how a later try differs from the plan.
func (n *node) retry(now time.Time, failure Failed) bool {
	known := n.note(now, failure)
	switch failure.Kind {
	case KindRetry, KindTimeout:
		return known && n.repeat() || n.again(now, n.unprepared())
	case KindAway:
		return n.booted() && n.rejoin() || n.again(now, true)
	case KindLost:
		if n.recalled && failure.Micro == AwaitAgent {
			n.bootAgain(now)
			return true
		}
		return n.again(now, true)
	}
	return false
}

// unprepared says whether a broadcast failed while the disk was prepared for it once more, after its agent had called again: sent again
// the image would find nothing mounted.
func (n *node) unprepared() bool {
	return n.rejoined && n.attempt.Macro == BroadcastEnv && n.step < n.sending()
}

// bootAgain begins with the first macro-step again, in the try that it was in.
func (n *node) bootAgain(now time.Time) {
	n.leave(now)
	n.macro, n.recalled = 0, false
	n.prepare(true)
}

// note takes down where and why the attempt ended, and says whether the step is known: a step at hand or ahead of it that
// the node can have come to.
func (n *node) note(now time.Time, failure Failed) (known bool) {
	at := n.find(failure.Micro, max(n.step, 0))
	n.seen(at)
	if n.state == arrived {
		n.depart(now)
	}
	if n.state != idle {
		n.spent += max(now.Sub(n.begun), 0)
		if n.reachable(at) {
			n.step, n.place.micro, known = at, failure.Micro, true
		}
	}
	n.failures++
	if failure.Micro == AwaitAgent && n.cause != "" { // why it waited says more
		failure.Cause = n.cause + "; " + failure.Cause
	}
	n.cause, n.evidence = oneLine(failure.Cause), tail(failure.Evidence, maxEvidence)
	n.phase, n.state = PhaseRetrying, idle
	return known
}

// repeat prepares the step that failed to run again in place. The wait for the new system is none of these: which system was to go down is
// known only while its try lasts, and a node that never did must not pass for one that came back.
func (n *node) repeat() bool {
	step := n.attempt.Steps[n.step]
	micro := step.Micro
	if micro == WaitReboot && step.Boot == BootUser {
		return false
	}
	if n.repeats[micro] >= min(n.StepRetries[micro], maxTries) {
		return false
	}
	limit := n.instance().Timeout
	if limit > 0 && n.spent >= limit {
		return false
	}
	if n.repeats == nil {
		n.repeats = make(map[Micro]int)
	}
	n.repeats[micro]++
	n.attempt.From = n.step
	n.attempt.Timeout = max(limit-n.spent, 0)
	n.hasImage = n.hasImage && micro != SendEnvironment
	n.step--
	return true
}

// again prepares the next try of the macro-step, or of the first one for a node that must boot the deployment system again.
func (n *node) again(now time.Time, lost bool) bool {
	n.remember(lost)
	v := &n.visits[n.macro]
	hard := false
	switch {
	case v.try < n.instance().Tries:
		v.try, v.begun, hard = v.try+1, false, true
	case v.instance+1 < len(n.Plan.Macros[n.macro].Instances):
		v.instance, v.try, v.begun = v.instance+1, 1, false
	default:
		return false
	}
	if n.tries >= n.maxTries() {
		n.cause = oneLine(fmt.Sprintf("given up after %d tries: %s", n.tries, n.cause))
		return false
	}
	if lost && n.attempt.Macro == BroadcastEnv {
		n.goBack(now)
		hard = true
	}
	n.prepare(hard)
	return true
}

// maxTries bounds the tries of a node over all, so that no way of failing keeps it going for ever.
func (n *node) maxTries() int {
	sum := 0
	for _, m := range n.Plan.Macros {
		for _, i := range m.Instances {
			sum += i.Tries
		}
	}
	return sum * len(n.Plan.Macros)
}

// remember keeps what the attempt that failed leaves behind on the node.
func (n *node) remember(lost bool) {
	reached := func(m Micro) bool {
		at := indexOf(n.attempt.Steps, m)
		return at >= 0 && at <= n.step
	}
	switch n.attempt.Macro {
	case BroadcastEnv:
		n.mounted = n.mounted || reached(MountDeployPart)
	case BootNewEnv:
		n.gone = n.gone || lost || reached(RebootFromDeployEnv) || reached(RebootNode) || reached(Kexec)
	}
}

// goBack returns to the first macro-step; the visit of the macro-step under way is kept.
func (n *node) goBack(now time.Time) {
	n.leave(now)
	for i := range n.macro {
		n.visits[i].instance, n.visits[i].try, n.visits[i].begun = 0, 1, false
	}
	n.macro, n.mounted = 0, false
}
