package workflow

import (
	"fmt"
	"strings"
	"time"
)

// judge ends the deployment when its outcome is decided: first the nodes that no longer matter are cut off, then it ends.
func (d *Deployment) judge(now time.Time) {
	if d.ended {
		return
	}
	t := d.tally
	switch Quorum(t.total, t.ok, t.ko, d.min) {
	case Reached:
		d.settleRest(now, PhaseCut, fmt.Sprintf("cut off: %d nodes are OK, as many as were asked for", t.ok))
		d.end(d.success())
	case Unreachable:
		d.settleRest(now, PhaseCut, fmt.Sprintf("cut off: at most %d nodes could still be OK, %d were asked for", t.total-t.ko, d.min))
		d.end(OutcomeFailed, fmt.Sprintf("at most %d of %d nodes could still be OK, %d were asked for%s", t.total-t.ko, t.total, d.min, d.rest()))
	case Over:
		d.end(d.success())
	}
}

// success is the outcome of a deployment that was not failed or aborted before its end.
func (d *Deployment) success() (Outcome, string) {
	t := d.tally
	text := fmt.Sprintf("%d of %d nodes are OK%s", t.ok, t.total, d.rest())
	switch {
	case t.ok == 0:
		return OutcomeFailed, fmt.Sprintf("none of %d nodes is OK", t.total)
	case t.stopped == t.total:
		return OutcomeAllOK, fmt.Sprintf("all %d nodes stand at the breakpoint", t.total)
	case t.ok == t.total:
		return OutcomeAllOK, fmt.Sprintf("all %d nodes are OK", t.total)
	case d.min > 0:
		return OutcomeQuorum, fmt.Sprintf("%s; %d were asked for", text, d.min)
	}
	return OutcomePartial, text
}

// rest counts the nodes that are not OK: ", 2 KO, 1 cut off".
func (d *Deployment) rest() string {
	t := d.tally
	var text strings.Builder
	if t.stopped > 0 {
		fmt.Fprintf(&text, ", %d of them at the breakpoint", t.stopped)
	}
	if t.ko > 0 {
		fmt.Fprintf(&text, ", %d KO", t.ko)
	}
	if cut := t.total - t.ok - t.ko; cut > 0 {
		fmt.Fprintf(&text, ", %d cut off", cut)
	}
	return text.String()
}

func (d *Deployment) cancel(now time.Time, cause string) {
	text := "cancelled"
	if cause = oneLine(cause); cause != "" {
		text += ": " + cause
	}
	d.settleRest(now, PhaseCancelled, text)
	d.end(OutcomeAborted, fmt.Sprintf("%s; %d of %d nodes were OK, %d KO", text, d.tally.ok, d.tally.total, d.tally.ko))
}

func (d *Deployment) settleRest(now time.Time, phase Phase, cause string) {
	for _, n := range d.nodes {
		if n.phase.Settled() {
			continue
		}
		d.tally.add(n, -1)
		n.cause = cause
		d.settle(now, n, phase)
		d.tally.add(n, +1)
	}
}

func (d *Deployment) end(outcome Outcome, text string) {
	d.ended = true
	d.do(End{outcome, text})
}
