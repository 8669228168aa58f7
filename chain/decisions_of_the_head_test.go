package chain

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// beginning is the time that transcripts count from.
var beginning = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// after reads word i of a command, a time in ms since the beginning.
func after(words []string, i int) time.Time {
	return beginning.Add(time.Duration(number(words, i)) * time.Millisecond)
}

func milliseconds(words []string, i int) time.Duration {
	return time.Duration(number(words, i)) * time.Millisecond
}

var reasons = map[string]why{"orphan": whyOrphan, "skipped": whySkipped, "slow-disk": whySlowDisk, "slow-link": whySlowLink,
	"spoiled": whySpoiled, "writing": whyWriting}

func rosterMachine() func([]string) string {
	var r roster
	var now time.Time
	return func(words []string) string {
		switch words[0] {
		case "roster": // roster LINKS GRACE WINDOW LINGER, times in ms
			now = beginning
			r = roster{links: make([]standing, number(words, 1)), begun: now, grace: milliseconds(words, 2), window: milliseconds(words, 3),
				linger: milliseconds(words, 4)}
		case "at":
			now = after(words, 1)
		case "met": // met FROM TO: they were heard of
			for i := number(words, 1); i <= number(words, 2); i++ {
				r.links[i].met = true
			}
		case "lost":
			r.lose(int(number(words, 1)), now)
		case "done":
			r.links[number(words, 1)].done = true
		case "failed":
			r.links[number(words, 1)].failed = true
		case "nobody": // nobody AT: its machine says that nothing listens there
			r.found(finding{index: int(number(words, 1)), refused: true}, now)
		case "there":
			r.found(finding{index: int(number(words, 1)), there: true}, now)
		case "asks": // asks LINK REASON
			if !r.admit(int(number(words, 1)), reasons[words[2]], now) {
				return "stays, " + waiting(r, now)
			}
			return "comes, " + waiting(r, now)
		case "parts":
			r.part(int(number(words, 1)), now)
		case "finishes": // finishes LINK well|badly
			r.finish(int(number(words, 1)), words[2] == "well")
		case "passed":
			r.passed = now
		case "missing":
			return fmt.Sprint("call ", r.missing(now))
		case "called": // called LINK...
			for i := range words[1:] {
				r.knock(int(number(words, i+1)), now)
			}
		default:
			panic(words[0])
		}
		return waiting(r, now)
	}
}

func waiting(r roster, now time.Time) string {
	switch over, wake := r.over(now); {
	case over:
		return "over"
	case wake.IsZero():
		return "goes on"
	default:
		return fmt.Sprintf("waits until %d", wake.Sub(beginning).Milliseconds())
	}
}

func nearestMachine() func([]string) string {
	var called []int
	var got map[int]answer
	return func(words []string) string {
		switch words[0] {
		case "call": // call LINK...
			called, got = nil, make(map[int]answer)
			for i := range words[1:] {
				called = append(called, int(number(words, i+1)))
			}
		case "answers":
			i := int(number(words, 1))
			got[i] = answer{index: i, reached: &reached{index: i}}
		case "fails":
			i := int(number(words, 1))
			got[i] = answer{index: i, cause: "no answer in time"}
		default:
			panic(words[0])
		}
		found, lost, over := nearest(called, got)
		if !over {
			return "waits"
		}
		var out []string
		for _, m := range lost {
			out = append(out, fmt.Sprint("loses ", m.index))
		}
		if found != nil {
			return strings.Join(append(out, fmt.Sprint("feeds ", found.index)), ", ")
		}
		return strings.Join(append(out, "finds nobody"), ", ")
	}
}

// TestALostLinkDoesNotStepOut: a link leaves the chain once, so whoever is told of it is told once, for the first reason.
func TestALostLinkDoesNotStepOut(t *testing.T) {
	told := 0
	h := newHead(SendConfig{Links: []Link{{"a", "a:1"}, {"b", "b:1"}}, ChunkSize: 1 << 20, StallTimeout: time.Second,
		Skipped: func(Skip) { told++ }}, secret{})
	h.table.tell(1, entry{state: Failed, by: partyOf(0), cause: "silent for 1s"})
	h.account()
	if !h.admit(ask{index: 1, join: join{why: whySlowDisk, cause: "its disk is slow"}}) {
		t.Error("a lost link may come back for whatever reason")
	}
	if told != 1 || len(h.skips[1]) != 1 {
		t.Errorf("told %d times: %v", told, h.skips[1])
	}
}
