package blackout

import (
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// unwritten is how long an event may be on its way to the journal, while what it says is done already. 0: nothing is done before it is written
// down, and nothing is forgiven.
const unwritten = 0

// span is a time from a moment to another.
type span struct{ from, to time.Time }

// lapses are the times of which the daemon need not know anything afterwards.
type lapses []span

// lapsesOf finds them. Events are written in their order, those of all operations together: what happened before the last that is there is
// known, and what came between that and a kill need not be. While the database is in trouble, this may be long.
func lapsesOf(kills []time.Time, operations map[string][]*message.Event, unwritten time.Duration) (all lapses) {
	if unwritten == 0 {
		return nil
	}
	for i, kill := range kills {
		var last time.Time
		if i > 0 {
			last = kills[i-1]
		}
		for _, events := range operations {
			for _, e := range events {
				if at := e.GetTime().AsTime(); at.After(last) && at.Before(kill) {
					last = at
				}
			}
		}
		all = append(all, span{last.Add(-unwritten), kill.Add(dying)})
	}
	return all
}

// hold says whether a moment is in one of them.
func (l lapses) hold(moment time.Time) bool {
	return slices.ContainsFunc(l, func(s span) bool { return s.from.Before(moment) && moment.Before(s.to) })
}
