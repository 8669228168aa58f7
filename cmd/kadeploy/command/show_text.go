package command

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// shortDigest is how much of a digest people are shown.
const shortDigest = 12

func short(digest string) string { return digest[:min(len(digest), shortDigest)] }

// writeAccount writes what was asked for, the table of all nodes, and the tries that failed.
func (r *runner) writeAccount(a *account) error {
	var b bytes.Buffer
	wording.Table(&b, a.head())
	macros := (&report{Nodes: a.Nodes}).macros()
	rows := [][]string{append(append([]string{"NODE", "STATE", "TRIES"}, macros...), "CAUSE")}
	for _, n := range a.Nodes {
		rows = append(rows, n.cells(macros))
	}
	fmt.Fprintln(&b)
	wording.Table(&b, rows)
	if rows := a.failures(); len(rows) > 1 {
		fmt.Fprintln(&b)
		wording.Table(&b, rows)
	}
	if a.Running {
		fmt.Fprintf(&b, "\nunder way: this is what is known up to now; kadeploy watch %s follows it\n", a.ID)
	}
	return r.write(b.Bytes())
}

// head is a name and a value a line; what has no value is left out.
func (a *account) head() [][]string {
	var rows [][]string
	add := func(name string, values ...string) {
		if value := strings.Join(present(values), ", "); value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("operation", a.ID, a.Operation, "of "+a.User)
	add("began", local(a.Since))
	if !a.Running {
		add("ended", local(a.Until), "after "+elapsed(a.Seconds))
		add("outcome", a.Outcome, cmp.Or(a.Text, fmt.Sprintf("%d of %d nodes OK", a.OK, a.Total)))
	}
	minNodes := ""
	if a.MinNodes > 0 {
		minNodes = fmt.Sprintf("minnodes %d", a.MinNodes)
	}
	add("nodes", a.Asked, minNodes)
	add("environment", a.Environment, a.EnvironmentPath)
	add("image", short(a.Image))
	var options []string
	if a.NoPartitioning {
		options = append(options, "no partitioning")
	}
	if a.TmpFilesystem != "" {
		options = append(options, "tmp formatted with "+a.TmpFilesystem)
	}
	if a.RebootLevel != "" {
		options = append(options, "level "+a.RebootLevel)
	}
	add("options", options...)
	switch {
	case a.Resumed == 1:
		add("resumed", "once, after the server had stopped")
	case a.Resumed > 1:
		add("resumed", fmt.Sprintf("%d times, after the server had stopped", a.Resumed))
	}
	return rows
}

func present(all []string) []string {
	var some []string
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}

// failures are the tries that failed, by node and time.
func (a *account) failures() [][]string {
	rows := [][]string{{"FAILED TRY", "STEP", "NUMBER", "AT", "TOOK", "CAUSE"}}
	for _, t := range a.Tries {
		if t.Outcome == "failed" {
			step := strings.Join(present([]string{t.Macro, t.Instance, t.Micro}), "/")
			rows = append(rows, []string{t.Node, step, fmt.Sprint(t.Try), local(t.At), elapsed(t.Seconds), t.Cause})
		}
	}
	return rows
}
