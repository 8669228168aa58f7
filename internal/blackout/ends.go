package blackout

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// mostStops is how many daemons an operation outlives: the one that comes after them does not go on with it.
const mostStops = 4

var abandoned = regexp.MustCompile(`^interrupted: .*, and the operation was not resumed: (.*)$`)

// judgeEnds finds operations that did not go on without a reason: nothing here changes between daemons, and no right is lost. An operation in
// whose middle a daemon was killed was taken up by another, which the history has to say, or has an end that says why not.
func judgeEnds(operations map[string][]*message.Event, history map[string]*message.PastOperation, requests map[string]Request, kills []time.Time) (wrong []string) {
	for id, events := range operations {
		q, accepted := requests[id]
		for _, e := range events {
			end := e.GetEnded()
			if end == nil {
				continue
			}
			why := abandoned.FindStringSubmatch(end.GetText())
			switch stops := stopped(history[id].GetSince().AsTime(), e.GetTime().AsTime(), kills); {
			case accepted && len(end.GetNodes()) == 0:
				wrong = append(wrong, fmt.Sprintf("%s was accepted, and ended without its nodes: %s", id, end.GetText()))
			case why == nil && stops > 0 && len(end.GetNodes()) > 0 && history[id].GetResumed() == 0:
				wrong = append(wrong, fmt.Sprintf("%s was interrupted %d times, and ended without having been taken up: %s", id, stops, end.GetText()))
			case why == nil:
				for _, n := range end.GetNodes() {
					if n.GetPhase() == message.NodePhase_KO && strings.HasPrefix(n.GetCause(), "interrupted: ") {
						wrong = append(wrong, fmt.Sprintf("%s: %s is KO because it was %s", id, n.GetName(), n.GetCause()))
					}
				}
			case strings.HasPrefix(why[1], "cancelled: ") && q.Cancel > 0:
			case !strings.HasPrefix(why[1], "the server was stopped "):
				wrong = append(wrong, fmt.Sprintf("%s did not go on: %s", id, why[1]))
			case stops < mostStops:
				wrong = append(wrong, fmt.Sprintf("%s did not go on: %s, and it was %d times", id, why[1], stops))
			}
		}
	}
	return wrong
}

// stopped counts the kills in the middle of an operation.
func stopped(from, to time.Time, kills []time.Time) (n int) {
	for _, k := range kills {
		if k.After(from) && k.Before(to) {
			n++
		}
	}
	return n
}
