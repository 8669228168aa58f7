package blackout

import "fmt"

// enough are the runs, the kills in the middle of operations and the waits for agents that cannot all miss what daemons do all the time.
const enough = 5

// Series is what some runs came to together. A daemon that ends all that it finds, or boots every node again, may do nothing that is wrong in
// one of them.
type Series struct{ runs, ok, kills, resumed, awaited, back int }

// Add counts a run. One whose database was in trouble says nothing here: with that, a daemon may refuse all.
func (s *Series) Add(o *Outcome) {
	if !o.Calm {
		return
	}
	s.runs, s.ok = s.runs+1, s.ok+o.OK
	s.kills, s.resumed = s.kills+o.Hit, s.resumed+o.Resumed
	s.awaited, s.back = s.awaited+o.Awaited, s.back+o.Back
}

// Wrong is what was never seen, though there was enough to see it in.
func (s *Series) Wrong() (wrong []string) {
	if s.runs >= enough && s.ok == 0 {
		wrong = append(wrong, fmt.Sprintf("no node was OK in %d runs", s.runs))
	}
	if s.kills >= enough && s.resumed == 0 {
		wrong = append(wrong, fmt.Sprintf("no operation was taken up again after %d kills", s.kills))
	}
	if s.awaited >= enough && s.back == 0 {
		wrong = append(wrong, fmt.Sprintf("none of %d agents that were waited for came back", s.awaited))
	}
	return wrong
}
