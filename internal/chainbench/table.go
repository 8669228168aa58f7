package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// column is one of a table: what stands above it, and its text of a row.
type column struct {
	head string
	text func(row) string
}

var (
	who     = column{"", func(r row) string { return r.Contestant }}
	right   = column{"right", rightOf}
	seconds = figure("seconds", "%.2f", func(r row) *float64 { return r.Seconds })
	ideal   = figure("of ideal", "%.3f", func(r row) *float64 { return r.OfIdeal })
	lost    = figure("seconds lost", "%+.2f", func(r row) *float64 { return r.Lost })
	speed   = figure("MB/s", "%.0f", func(r row) *float64 { return r.MBps })
	cpu     = figure("CPU ns/byte/hop", "%.2f", func(r row) *float64 { return r.CPU })
	peakMax = figure("peak RSS MiB, max", "%.1f", func(r row) *float64 { return r.PeakMax })
	peakAvg = figure("mean", "%.1f", func(r row) *float64 { return r.PeakMean })
	others  = figure("others' CPU %", "%.0f", func(r row) *float64 { return r.Others })
	note    = column{"", func(r row) string { return r.Note }}

	limitedColumns = []column{who, right, seconds, ideal, others, note}
	faultColumns   = []column{who, right, seconds, lost, others, note}
	speedColumns   = []column{who, right, seconds, speed, cpu, others, note}
	crowdColumns   = []column{who, right, seconds, peakMax, peakAvg, others, note}
)

func rightOf(r row) string {
	if r.Runs == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", r.Right, r.Hosts)
}

func figure(head, format string, of func(row) *float64) column {
	return column{head, func(r row) string {
		if f := of(r); f != nil {
			return fmt.Sprintf(format, *f)
		}
		return "-"
	}}
}

// printTable writes rows for people.
func printTable(w io.Writer, columns []column, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	var heads []string
	for _, c := range columns {
		heads = append(heads, c.head)
	}
	fmt.Fprintln(t, "  "+strings.Join(heads, "\t"))
	for _, r := range rows {
		var texts []string
		for _, c := range columns {
			texts = append(texts, c.text(r))
		}
		fmt.Fprintln(t, "  "+strings.Join(texts, "\t"))
	}
	return t.Flush()
}

// report is all of it for programs.
type report struct {
	Machine     machine `json:"machine"`
	Repetitions int     `json:"repetitions"`
	Rows        []row   `json:"rows"`
}

func (r report) printHead(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s; load %.1f before; files on %s; median of %d\n", m.CPU, m.Cores, m.Kernel, m.Load, m.Files, r.Repetitions)
}

func (r report) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
