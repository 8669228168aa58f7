package torture

import (
	"fmt"
	"strings"
)

// Tally counts what runs have covered.
type Tally struct {
	runs, failed, receivers, ok, late int
	drawn, struck                     [kindCount]int
	marks                             map[string]int
}

// Add takes a run in.
func (t *Tally) Add(s *Scenario, o *Outcome, wrong []string) {
	t.runs++
	if len(wrong) > 0 {
		t.failed++
	}
	for i, r := range o.Received {
		t.receivers++
		if r.Started && r.Code == 0 {
			t.ok++
		}
		if o.Report != nil && i < len(o.Report.Nodes) && o.Report.Nodes[i].OK && o.Report.Nodes[i].Late {
			t.late++
		}
	}
	for _, f := range s.Faults {
		t.drawn[f.Kind]++
		if !traits[f.Kind].strikes {
			t.struck[f.Kind]++
		}
	}
	for _, strike := range o.Struck {
		if !strike.Missed {
			t.struck[strike.Fault.Kind]++
		}
	}
	if t.marks == nil {
		t.marks = make(map[string]int)
	}
	for _, m := range s.marks() {
		t.marks[m]++
	}
}

// String is a table.
func (t *Tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, %d of them failed; %d receivers, %d exited 0, %d were fed late\n", t.runs, t.failed, t.receivers, t.ok, t.late)
	fmt.Fprintf(&b, "%-38s %7s %12s\n", "FAULT", "DRAWN", "CAME TO PASS")
	for k, trait := range traits {
		fmt.Fprintf(&b, "%-38s %7d %12d\n", trait.name, t.drawn[k], t.struck[k])
	}
	for _, m := range allMarks {
		fmt.Fprintf(&b, "%-38s %7d\n", m, t.marks[m])
	}
	return b.String()
}

// allMarks are the settings that runs are counted by.
var allMarks = []string{"from a stream", "limited links", "--rate", "TLS", "race detector", "an impatient sender", "defaults"}

func (s *Scenario) marks() (all []string) {
	for i, set := range []bool{s.Stream, s.Links > 0, s.Rate > 0, s.TLS, s.Race, s.Impatient, s.Defaults} {
		if set {
			all = append(all, allMarks[i])
		}
	}
	return all
}
