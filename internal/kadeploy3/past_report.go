package kadeploy3

import (
	"bytes"
	"fmt"
	"io"
)

// The JSON of what was taken of the past.
type (
	pastJSON struct {
		Taken    pastTakenJSON `json:"taken"`
		Known    pastKnownJSON `json:"known"`
		NotTaken int           `json:"not_taken"`
		Findings []findingJSON `json:"findings"`
		More     int           `json:"more_findings"`
	}
	pastTakenJSON struct {
		Deployments int `json:"deployments"`
		Results     int `json:"results"`
		States      int `json:"states"`
	}
	pastKnownJSON struct {
		Deployments int `json:"deployments"`
		States      int `json:"states"`
	}
)

// WriteJSON writes the report for programs.
func (t *Taken) WriteJSON(w io.Writer) error {
	return encode(w, pastJSON{pastTakenJSON{t.Deployments, t.Results, t.States}, pastKnownJSON{t.Known, t.KnownStates}, t.NotTaken, t.findings(), t.More})
}

// WriteText writes the report for people.
func (t *Taken) WriteText(w io.Writer) error {
	var text bytes.Buffer
	t.list(&text)
	fmt.Fprintf(&text, "taken: %s with %s, %s of nodes; known already: %s, %s; not taken: %s\n", count(t.Deployments, "deployment"), count(t.Results, "end"),
		count(t.States, "state"), count(t.Known, "deployment"), count(t.KnownStates, "state"), count(t.NotTaken, "thing"))
	_, err := w.Write(text.Bytes())
	return err
}
