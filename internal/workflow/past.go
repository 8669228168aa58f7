package workflow

import (
	"slices"
	"time"
)

// Past is how far a node had come when the server that led it through its plan was stopped. It comes from what was written down, and may
// be behind the truth by the last moments.
type Past struct {
	Phase    Phase
	Macros   []MacroPast // those it had entered
	Macro    Macro       // of the last step it entered; "" when it never ran
	Instance string
	Micro    Micro

	Cause, Evidence string

	Stopped bool // OK, and at a breakpoint before Micro

	// Agent says that the agent of the boot that it was in is known, and may call again.
	Agent bool

	// Booting is what is left of the time of a boot of the deployment system that is still waited for; 0: none is.
	Booting time.Duration

	// Leaving is how long the node has been waited for on its way into the new system, which is to say itself which image it is, or has; 0: it is not
	// on its way, or nobody would know who it is that answers.
	Leaving time.Duration
}

// MacroPast is how far a node had come in one macro-step.
type MacroPast struct {
	MacroTime
	Try int // of the instance, from 1, while it is under way, also when the node had to go back before it; 0: it is done
}

// recall puts a node where its past left it. What is settled stays so. A node that boots the deployment system is waited for as before.
// Any other node has lost its agent's session with the server. If its agent may call again, it is waited for, and the node goes on in the
// try that it was in (rejoin). Otherwise, or in vain, it begins with the first macro-step again, in that try, and comes back to where it
// was: what it had done to its disk it does again from the beginning, never from the middle. A node that had left the deployment system for the new one has
// everything on its disk. It is waited for as before if the new system says which image it is; otherwise it is rebooted again into that, because who it was
// that answered before cannot be known any more.
func (n *node) recall(p Past) {
	for _, m := range p.Macros {
		if i := n.macroAt(m.Macro); i >= 0 {
			v := &n.visits[i]
			v.entered, v.took, v.tries, v.last = true, max(m.Took, time.Duration(0)), m.Tries, m.Instance
			n.tries += m.Tries
			n.resumeTry(i, m)
		}
	}
	n.place = place{p.Macro, p.Instance, p.Micro}
	n.cause, n.evidence = oneLine(p.Cause), tail(p.Evidence, maxEvidence)
	if p.Phase.Settled() {
		n.phase, n.stopped = p.Phase, p.Stopped
		return
	}
	at := n.macroAt(p.Macro)
	if at < 0 {
		return
	}
	switch {
	case p.Macro == SetDeploymentEnv && p.Micro == WaitReboot && p.Booting > 0:
		n.prepare(false)
		n.await(p.Booting)
		return
	case p.Macro == BootNewEnv && left(p.Micro):
		n.macro, n.gone = at, true
		n.prepare(true)
		n.awaitNew(p.Leaving)
		return
	case p.Agent && n.rejoinAt(at):
		return
	}
	n.prepare(p.Macro != Reboot && p.Macro != Power) // a reboot is as gentle as it was asked for
}

// rejoinAt is rejoin in a macro-step that the node was in when the server was stopped; that is not the one time of its try.
func (n *node) rejoinAt(macro int) bool {
	n.macro = macro
	n.recalled = n.rejoin()
	n.rejoined = false
	if !n.recalled {
		n.macro = 0
	}
	return n.recalled
}

// awaitNew goes on waiting for a new system that says who it is, and has had some of the try's time, unless that is over.
func (n *node) awaitNew(had time.Duration) {
	if limit := n.attempt.Timeout; had > 0 && (limit == 0 || had < limit) {
		n.await(max(limit-had, 0))
	}
}

// await makes the attempt one that goes on waiting for a boot, if the plan of today still waits there.
func (n *node) await(left time.Duration) {
	if i := indexOf(n.attempt.Steps, WaitReboot); i >= 0 {
		n.attempt.From, n.step, n.attempt.Timeout = i, i-1, left
	}
}

// resumeTry sets the try that the node was in, as far as the plan still has it. To begin it again is no new try.
func (n *node) resumeTry(at int, p MacroPast) {
	instances := n.Plan.Macros[at].Instances
	i := slices.IndexFunc(instances, func(i InstancePlan) bool { return i.Name == p.Instance })
	if i >= 0 && p.Try > 0 {
		v := &n.visits[at]
		v.instance, v.try, v.begun = i, min(p.Try, instances[i].Tries), true
	}
}

// left says whether a node that came to this step of BootNewEnv was told to leave the deployment system, with its disk unmounted.
func left(m Micro) bool {
	return m == RebootFromDeployEnv || m == RebootNode || m == Kexec || m == SetVLAN || m == WaitReboot
}

func (n *node) macroAt(m Macro) int {
	return slices.IndexFunc(n.Plan.Macros, func(p MacroPlan) bool { return p.Macro == m })
}

// At is the account of a macro-step, a new one when the node had not entered it before.
func (p *Past) At(m Macro) *MacroPast {
	for i := range p.Macros {
		if p.Macros[i].Macro == m {
			return &p.Macros[i]
		}
	}
	p.Macros = append(p.Macros, MacroPast{MacroTime: MacroTime{Macro: m}})
	return &p.Macros[len(p.Macros)-1]
}
