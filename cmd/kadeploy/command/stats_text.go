package command

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// writeStatistics writes one table after the other.
func (r *runner) writeStatistics(s *statistics) error {
	var b bytes.Buffer
	until := "now"
	if s.Until != "" {
		until = local(s.Until)
	}
	fmt.Fprintf(&b, "%s operations from %s to %s, whole days; database %s\n", s.Kind, local(s.Since), until, wording.Size(s.DatabaseBytes))
	for _, t := range s.tables() {
		fmt.Fprintln(&b)
		if len(t.rows) == 0 {
			fmt.Fprintf(&b, "no %s\n", t.what)
			continue
		}
		wording.Table(&b, append([][]string{t.shown}, t.text...))
		if t.note != "" {
			fmt.Fprintln(&b, t.note)
		}
	}
	return r.write(b.Bytes())
}

// writeCSV writes a table for programs.
func (r *runner) writeCSV(t *listing) error {
	var b bytes.Buffer
	_ = csv.NewWriter(&b).WriteAll(append([][]string{t.names}, t.rows...)) // a buffer does not fail
	return r.write(b.Bytes())
}

func (r *runner) write(text []byte) error {
	if _, err := r.Stdout.Write(text); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// listing is a table, for people and for programs.
type listing struct {
	what  string
	shown []string   // titles for people
	text  [][]string // rows for people
	names []string   // titles for programs: those of the JSON
	rows  [][]string
	note  string
}

func (l *listing) add(text, row []string) {
	l.text, l.rows = append(l.text, text), append(l.rows, row)
}

func (s *statistics) tables() []*listing {
	var all []*listing
	if s.Nodes != nil {
		all = append(all, nodeTable(*s.Nodes))
	}
	if s.Steps != nil {
		all = append(all, stepTable(*s.Steps))
	}
	if s.Failures != nil {
		all = append(all, causeTable(*s.Failures))
	}
	if s.Timeouts != nil {
		all = append(all, timeoutTable(*s.Timeouts))
	}
	return all
}

func nodeTable(all []nodeRate) *listing {
	l := &listing{what: "nodes", shown: []string{"NODE", "CLUSTER", "OK", "KO", "FAILED", "RETRIES"},
		names: []string{"node", "cluster", "ok", "ko", "failure_rate", "retries"}}
	for _, n := range all {
		ok, ko, retries := fmt.Sprint(n.OK), fmt.Sprint(n.KO), fmt.Sprint(n.Retries)
		l.add([]string{n.Node, n.Cluster, ok, ko, fmt.Sprintf("%.1f %%", 100*n.FailureRate), retries},
			[]string{n.Node, n.Cluster, ok, ko, fmt.Sprintf("%.4f", n.FailureRate), retries})
	}
	return l
}

func stepTable(all []stepTime) *listing {
	l := &listing{what: "steps", shown: []string{"CLUSTER", "MACRO-STEP", "INSTANCE", "OK", "FAILED", "CUT", "P50", "P90", "P99", "MAX"},
		names: []string{"cluster", "macro", "instance", "ok", "failed", "cut", "p50", "p90", "p99", "max"}}
	for _, t := range all {
		row := []string{t.Cluster, t.Macro, t.Instance, fmt.Sprint(t.OK), fmt.Sprint(t.Failed), fmt.Sprint(t.Cut)}
		text := append([]string{}, row...)
		for _, seconds := range []float64{t.P50, t.P90, t.P99, t.Max} {
			row = append(row, fmt.Sprintf("%.3f", seconds))
			if t.timed == 0 {
				text = append(text, "-")
			} else {
				text = append(text, elapsed(seconds))
			}
		}
		l.add(text, row)
	}
	return l
}

func causeTable(all []cause) *listing {
	l := &listing{what: "failures", shown: []string{"FAILED", "STEP", "CAUSE", "FOR EXAMPLE ON"}, names: []string{"count", "macro", "micro", "cause", "example"}}
	for _, c := range all {
		count := fmt.Sprint(c.Count)
		l.add([]string{count, strings.Join(present([]string{c.Macro, c.Micro}), "/"), dash(c.Cause), c.Example},
			[]string{count, c.Macro, c.Micro, c.Cause, c.Example})
	}
	return l
}

func timeoutTable(all []suggestion) *listing {
	l := &listing{what: "steps", shown: []string{"CLUSTER", "MACRO-STEP", "INSTANCE", "TRIES", "P99", "MAX", "TIMEOUT"},
		names: []string{"cluster", "macro", "instance", "tries", "p99", "max", "timeout"},
		note:  "TIMEOUT is for SECONDS in macrostep = MACRO-STEP|INSTANCE:TRIES:SECONDS; nothing has been changed."}
	for _, t := range all {
		tries, timeout := fmt.Sprint(t.Tries), fmt.Sprintf("%d s", t.Timeout)
		if t.Timeout == 0 {
			timeout = fmt.Sprintf("- (fewer than %d tries)", enoughTries)
		}
		p99, longest := elapsed(t.P99), elapsed(t.Max)
		if t.Tries == 0 {
			p99, longest = "-", "-"
		}
		l.add([]string{t.Cluster, t.Macro, t.Instance, tries, p99, longest, timeout},
			[]string{t.Cluster, t.Macro, t.Instance, tries, fmt.Sprintf("%.3f", t.P99), fmt.Sprintf("%.3f", t.Max), fmt.Sprint(t.Timeout)})
	}
	return l
}
