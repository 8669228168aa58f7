package command

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

const maxTold = 5 // nodes whose last words are shown; all are in the JSON

// writeText writes the table of all nodes, what became of some in the chain, what the failed ones said, and the summary.
func (r *runner) writeText(rep *report) error {
	var b bytes.Buffer
	macros := rep.macros()
	rows := [][]string{append(append([]string{"NODE", "STATE", "TRIES"}, macros...), "CAUSE")}
	for _, n := range rep.Nodes {
		rows = append(rows, n.cells(macros))
	}
	wording.Table(&b, rows)
	rep.transfers(&b)
	rep.evidence(&b)
	fmt.Fprintf(&b, "%s\n", rep.summary())
	if _, err := r.Stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// macros are the macro-steps that any node was in, in order.
func (rep *report) macros() []string {
	var all []string
	for _, n := range rep.Nodes {
		for _, m := range n.macros {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

func (n *nodeReport) cells(macros []string) []string {
	cells := []string{n.Name, shown(n.Phase), fmt.Sprint(n.Tries)}
	for _, m := range macros {
		if s, ok := n.Seconds[m]; ok {
			cells = append(cells, fmt.Sprintf("%.1f s", s))
		} else {
			cells = append(cells, "-")
		}
	}
	cause := n.Cause
	if n.Phase != "ok" && n.State != "" {
		cause = strings.TrimSuffix(n.State+": "+n.Cause, ": ")
	}
	if n.Confirmed {
		cause = strings.Join(present([]string{"confirmed its image", n.Cause}), "; ")
	}
	return append(cells, cause)
}

// shown writes OK and KO as people do.
func shown(phase string) string {
	if phase == "ok" || phase == "ko" {
		return strings.ToUpper(phase)
	}
	return phase
}

func (rep *report) evidence(w io.Writer) {
	told := 0
	for _, n := range rep.Nodes {
		if n.Phase == "ok" || len(n.Evidence) == 0 {
			continue
		}
		if told++; told > maxTold {
			fmt.Fprintf(w, "the last words of more nodes are in --output json\n")
			return
		}
		fmt.Fprintf(w, "%s said at last:\n", n.Name)
		for _, l := range n.Evidence {
			fmt.Fprintf(w, "    %s\n", l)
		}
	}
}

// summary is the last line: all a person in a hurry reads.
func (rep *report) summary() string {
	noun := strings.ReplaceAll(rep.Operation, "_", " ")
	if rep.Operation == "deploy" {
		noun = "deployment"
	}
	ok, _ := rep.split()
	parts := []string{fmt.Sprintf("%s %s: %d of %d nodes OK", noun, rep.ID, len(ok), len(rep.Nodes))}
	if rep.MinNodes > 0 {
		reached := "not reached"
		if len(ok) >= rep.MinNodes {
			reached = "reached"
		}
		parts = append(parts, fmt.Sprintf("minnodes %d %s", rep.MinNodes, reached))
	}
	switch {
	case rep.Outcome == outcomeUnknown:
		parts = append(parts, "the end is not known")
	case rep.Outcome == "aborted":
		parts = append(parts, "cancelled")
	case rep.Outcome == "failed" && rep.Text != "" && !strings.Contains(rep.Text, "minnodes"): // that has been said
		parts = append(parts, rep.Text)
	}
	if rep.Outcome != outcomeUnknown {
		parts = append(parts, "in "+wording.Elapsed(time.Duration(rep.Seconds*float64(time.Second))))
	}
	return fmt.Sprintf("%s (exit code %d)", strings.Join(parts, ", "), rep.ExitCode)
}
