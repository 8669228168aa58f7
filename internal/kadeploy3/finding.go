package kadeploy3

import (
	"fmt"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// maxFindings bounds a report; the rest is counted.
const maxFindings = 20_000

// Place is where something stands in what was read.
type Place struct {
	File   string // as the user named it, or below the directory he named
	Line   int    // from 1; 0: the file as a whole
	Column int    // from 1; 0 when it is not known
	Row    string // "row 3 of environments", of a dump
}

func (p Place) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d", p.Line)
	}
	if p.Column > 0 {
		text += fmt.Sprintf(":%d", p.Column)
	}
	if p.Row != "" {
		text += ": " + p.Row
	}
	return text
}

// Finding is one thing that is not as it was.
type Finding struct {
	Lost  bool // it had an effect there and has none here; else it is taken in another way, or needs no taking
	Place Place
	Text  string // one printable line
}

func (f Finding) String() string {
	kind := "note"
	if f.Lost {
		kind = "not taken"
	}
	return fmt.Sprintf("%s: %s: %s", f.Place, kind, f.Text)
}

// Report is what an import took, and what it did not.
type Report struct {
	Environments, Rights, Clusters, Nodes int // what was taken
	Findings                              []Finding
	More                                  int // findings that are not in the list
	NotTaken                              int // those of all findings that are Lost
}

func (r *Report) lost(at Place, format string, args ...any) { r.add(true, at, format, args) }
func (r *Report) note(at Place, format string, args ...any) { r.add(false, at, format, args) }

// lostRows is one finding about many rows.
func (r *Report) lostRows(n int, at Place, format string, args ...any) {
	if n > 0 {
		r.add(true, at, format, args)
		r.NotTaken += n - 1
	}
}

func (r *Report) add(lost bool, at Place, format string, args []any) {
	if lost {
		r.NotTaken++
	}
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	at.File = wording.Clean(at.File)
	r.Findings = append(r.Findings, Finding{lost, at, wording.Clean(fmt.Sprintf(format, args...))})
}
