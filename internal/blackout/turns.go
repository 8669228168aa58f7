package blackout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// turn is a time that a node was in a step: what the step does may be done once in it.
type turn struct {
	operation string
	from, to  time.Time // until the node comes to such a step again, or is settled
	passed    bool      // the step came to its end
	level     string
}

// holds says whether something that was done at a moment may have been done in this turn.
func (t turn) holds(moment time.Time) bool {
	return t.from.Add(-skew).Before(moment) && moment.Before(t.to.Add(dying))
}

// turnsOf lists when nodes were in the steps that do something which must not be done twice, in the order of time. A try of a macro-step has
// each of them once, unless its work began again, which costs it a break of the agent's connection or the daemon; a reboot request has it once
// for each daemon.
func turnsOf(operations map[string][]*message.Event, levels map[string]string) (all map[doer][]turn, wrong []string) {
	all = make(map[doer][]turn)
	for id, events := range operations {
		for node, changes := range byNode(events) {
			had := make(map[kind]bool)
			for i, c := range changes {
				if i > 0 && again(changes[i-1], c) {
					clear(had)
				}
				k := kinds[c.GetMicro()]
				if k == "" || !enters(c) {
					continue
				}
				if had[k] {
					wrong = append(wrong, fmt.Sprintf("%s: %s came to %s twice in a try, the second time at %s", id, node, c.GetMicro(), c.at.Format(time.StampMilli)))
				}
				had[k] = true
				t := turn{operation: id, from: c.at, to: over(changes, events), level: levels[id]}
				if i+1 < len(changes) {
					next := changes[i+1]
					t.passed = enters(next) && next.GetMicro() != "await_agent" || next.GetPhase() == message.NodePhase_OK
				}
				all[doer{node, k}] = append(all[doer{node, k}], t)
			}
		}
	}
	for _, turns := range all {
		slices.SortFunc(turns, func(a, b turn) int { return a.from.Compare(b.from) })
		for i := range turns[1:] {
			if next := turns[i+1].from; next.Before(turns[i].to) {
				turns[i].to = next
			}
		}
	}
	return all, wrong
}

// over is when a node was settled, or its operation was over without that.
func over(changes []change, events []*message.Event) time.Time {
	if last := changes[len(changes)-1]; terminal(last.GetPhase()) {
		return last.at
	}
	return events[len(events)-1].GetTime().AsTime()
}

// enters says whether a node has come to a step.
func enters(c change) bool {
	return c.GetPhase() == message.NodePhase_RUNNING && c.GetBytes() == 0 && c.GetRoot() == "" && c.GetSaid() == "" && len(c.GetCall()) == 0
}

// again says whether the work of a try begins again with a change.
func again(before, c change) bool {
	switch {
	case c.GetMacro() == "Reboot":
		return interrupted(c)
	case c.GetPhase() == message.NodePhase_RETRYING, c.GetMicro() == "await_agent":
		return true
	}
	return c.GetMacro() != before.GetMacro() || c.GetInstance() != before.GetInstance() || c.GetTry() != before.GetTry()
}
