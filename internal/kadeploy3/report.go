package kadeploy3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// The JSON of a report.
type (
	reportJSON struct {
		Taken    takenJSON     `json:"taken"`
		NotTaken int           `json:"not_taken"`
		Findings []findingJSON `json:"findings"`
		More     int           `json:"more_findings"`
		Files    []string      `json:"files"`
	}
	takenJSON struct {
		Environments int `json:"environments"`
		Rights       int `json:"rights"`
		Clusters     int `json:"clusters"`
		Nodes        int `json:"nodes"`
	}
	findingJSON struct {
		Severity string `json:"severity"`
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Row      string `json:"row"`
		Text     string `json:"text"`
	}
)

// WriteJSON writes the report for programs.
func (r *Result) WriteJSON(w io.Writer) error {
	report := &r.Report
	out := reportJSON{
		Taken:    takenJSON{report.Environments, report.Rights, report.Clusters, report.Nodes},
		NotTaken: report.NotTaken, Findings: report.findings(), More: report.More, Files: append([]string{}, r.Files...),
	}
	return encode(w, out)
}

func (r *Report) findings() []findingJSON {
	all := []findingJSON{}
	for _, f := range r.Findings {
		severity := "note"
		if f.Lost {
			severity = "not taken"
		}
		all = append(all, findingJSON{severity, f.Place.File, f.Place.Line, f.Place.Column, f.Place.Row, f.Text})
	}
	return all
}

func encode(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// WriteText writes the report for people: what was not taken, the notes, and what was taken.
func (r *Result) WriteText(w io.Writer) error {
	var text bytes.Buffer
	r.Report.list(&text)
	fmt.Fprintf(&text, "taken: %s, %s, %s, %s; not taken: %s\n",
		count(r.Report.Environments, "environment"), count(r.Report.Rights, "right"), count(r.Report.Clusters, "cluster"),
		count(r.Report.Nodes, "node"), count(r.Report.NotTaken, "thing"))
	_, err := w.Write(text.Bytes())
	return err
}

// list writes a finding a line, what was not taken first.
func (r *Report) list(text *bytes.Buffer) {
	for _, lost := range []bool{true, false} {
		for _, f := range r.Findings {
			if f.Lost == lost {
				fmt.Fprintln(text, f)
			}
		}
	}
	if r.More > 0 {
		fmt.Fprintf(text, "%d more findings are not listed\n", r.More)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// report puts the report into the directory, in both forms.
func (r *Result) report() error {
	r.Files = append(r.Files, "report.json", "report.txt")
	slices.Sort(r.Files)
	var structured, text bytes.Buffer
	if err := r.WriteJSON(&structured); err != nil {
		return err
	}
	if err := r.WriteText(&text); err != nil {
		return err
	}
	files := r.Files
	for name, content := range map[string][]byte{"report.json": structured.Bytes(), "report.txt": text.Bytes()} {
		if err := r.write(name, content); err != nil {
			return err
		}
	}
	r.Files = files
	return nil
}
