package broadcast

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Report is what became of a broadcast. Its JSON is described in docs/chain-tool.md.
type Report struct {
	OK       int     `json:"ok"`
	KO       int     `json:"ko"`
	Bytes    int64   `json:"bytes"` // of the image
	Image    string  `json:"image"` // BLAKE3 of its manifest; "" when it was not read to its end
	Seconds  float64 `json:"seconds"`
	ExitCode int     `json:"exit_code"`
	Error    string  `json:"error,omitempty"` // why the head itself could not go on
	Nodes    []Node  `json:"nodes"`           // in the order of the chain
}

// Node is what became of one machine.
type Node struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Bytes   int64   `json:"bytes"`             // that its outlet took
	Seconds float64 `json:"seconds"`           // from the start of the broadcast until it was settled
	Late    bool    `json:"late"`              // fed by the head, apart from the chain
	Corrupt int     `json:"corrupt,omitempty"` // chunks that were spoiled on their way to it and sent again
	Spoiler string  `json:"spoiler,omitempty"` // who sent them: another machine or the head
	Cause   string  `json:"cause,omitempty"`   // when not OK
	Skips   []Skip  `json:"skips,omitempty"`
}

// Skip is that a machine left the chain.
type Skip struct {
	By     string `json:"by"`     // another machine or the head; the machine's own name when it stepped out
	Offset int64  `json:"offset"` // that it had reached, as far as is known
	Cause  string `json:"cause"`
}

// Exit codes of a broadcast.
const (
	ExitAll   = 0  // every machine has the image
	ExitNone  = 1  // none has it, or the head itself failed
	ExitSome  = 2  // some have it
	ExitUsage = 64 // the command line cannot be right
)

// settle counts, once all nodes are in. failed is why the head could not go on.
func (r *Report) settle(failed error) {
	for _, n := range r.Nodes {
		if n.OK {
			r.OK++
		}
	}
	r.KO = len(r.Nodes) - r.OK
	switch {
	case r.KO == 0:
		r.ExitCode = ExitAll
	case r.OK == 0 || failed != nil:
		r.ExitCode = ExitNone
	default:
		r.ExitCode = ExitSome
	}
	if failed != nil {
		r.Error = wording.Clean(failed.Error())
	}
}

// names lists the machines that are OK, or those that are not.
func (r *Report) names(ok bool) []string {
	var names []string
	for _, n := range r.Nodes {
		if n.OK == ok {
			names = append(names, n.Name)
		}
	}
	return names
}

// WriteJSON writes the report as one document.
func (r *Report) WriteJSON(w io.Writer) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// WriteText writes the report as a table and a last line.
func (r *Report) WriteText(w io.Writer) error {
	rows := [][]string{{"NODE", "STATE", "BYTES", "SECONDS", "MB/s", "SKIPS", "CAUSE"}}
	for _, n := range r.Nodes {
		rows = append(rows, n.cells())
	}
	var b strings.Builder
	wording.Table(&b, rows)
	fmt.Fprintln(&b, r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func (n *Node) cells() []string {
	state, rate := "KO", "-"
	if n.OK {
		state = "OK"
	}
	if n.Seconds > 0 {
		rate = fmt.Sprintf("%.1f", float64(n.Bytes)/n.Seconds/1e6)
	}
	return []string{n.Name, state, fmt.Sprint(n.Bytes), fmt.Sprintf("%.1f", n.Seconds), rate, fmt.Sprint(len(n.Skips)), n.remark()}
}

// remark is the cause, or what happened to a machine that has the image all the same, and what the way to it spoiled.
func (n *Node) remark() string {
	var parts []string
	if n.Cause != "" {
		parts = append(parts, n.Cause)
	}
	if n.OK && n.Late {
		parts = append(parts, "fed late by the head")
	}
	if n.OK && len(n.Skips) > 0 {
		last := n.Skips[len(n.Skips)-1]
		parts = append(parts, fmt.Sprintf("skipped by %s: %s", last.By, last.Cause))
	}
	if n.Corrupt > 0 {
		text := fmt.Sprintf("corrupt chunks that were sent again: %d", n.Corrupt)
		if n.Spoiler != "" {
			text += ", from " + n.Spoiler
		}
		parts = append(parts, text)
	}
	return wording.Clean(strings.Join(parts, "; "))
}

func (r *Report) summary() string {
	parts := []string{fmt.Sprintf("%d of %s OK", r.OK, machines(len(r.Nodes)))}
	if took := r.took(); took > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes in %s (%s)", r.Bytes, wording.Elapsed(seconds(took)), perSecond(float64(r.Bytes)/took)))
	}
	if r.Image != "" {
		parts = append(parts, "image blake3-manifest "+r.Image)
	}
	return fmt.Sprintf("%s (exit code %d)", strings.Join(parts, ", "), r.ExitCode)
}

// took is when the last machine that has the image had it, in seconds; 0: none has.
func (r *Report) took() float64 {
	last := 0.0
	for _, n := range r.Nodes {
		if n.OK {
			last = max(last, n.Seconds)
		}
	}
	return last
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
