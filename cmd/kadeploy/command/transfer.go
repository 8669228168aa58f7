package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// transferReport is how the image came to a node in its last broadcast.
type transferReport struct {
	Position uint32       `json:"position"` // in the chain, from 1, which the server feeds
	Bytes    uint64       `json:"bytes"`    // of the image that its disk took
	Seconds  float64      `json:"seconds"`  // from the start of the broadcast
	Rate     float64      `json:"rate"`     // bytes a second
	Late     bool         `json:"late"`     // the server fed it, behind the chain
	Corrupt  uint32       `json:"corrupt"`  // chunks that came spoiled and were sent again
	Skips    uint32       `json:"skips"`    // how often it left the chain
	Skipped  []skipReport `json:"skipped,omitempty"`
}

// skipReport is one time that a node left the chain; the last of these times are reported.
type skipReport struct {
	By     string `json:"by"` // the node that went round it, itself when it stepped out, "" for the server
	Cause  string `json:"cause"`
	Offset uint64 `json:"offset"` // bytes that it had
}

func newTransfer(t *message.NodeTransfer) *transferReport {
	out := &transferReport{
		Position: t.GetPosition(), Bytes: t.GetBytes(), Seconds: t.GetTook().AsDuration().Seconds(),
		Late: t.GetLate(), Corrupt: t.GetCorrupt(), Skips: t.GetSkips(),
	}
	if out.Seconds > 0 {
		out.Rate = float64(out.Bytes) / out.Seconds
	}
	for _, s := range t.GetSkipped() {
		out.Skipped = append(out.Skipped, skipReport{wording.Clean(s.GetBy()), wording.Clean(s.GetCause()), s.GetOffset()})
	}
	return out
}

// transfers writes a line for every node that did not simply get the image from the one before it.
func (rep *report) transfers(w io.Writer) {
	told := 0
	for _, n := range rep.Nodes {
		text := n.Transfer.text(n.Name)
		if text == "" {
			continue
		}
		if told++; told > maxTold {
			fmt.Fprintf(w, "what happened to more nodes in the chain is in --output json\n")
			return
		}
		fmt.Fprintf(w, "%s\n", text)
	}
}

// text is "" when there is nothing to tell.
func (t *transferReport) text(node string) string {
	if t == nil {
		return ""
	}
	var what []string
	if last := len(t.Skipped) - 1; last >= 0 {
		s := t.Skipped[last]
		what = append(what, terminal.Skip(node, &message.ChainSkip{By: s.By, Cause: s.Cause, Offset: s.Offset}))
	}
	if t.Skips > uint32(len(what)) {
		what = append(what, fmt.Sprintf("out of the chain %d times", t.Skips))
	}
	if t.Late {
		what = append(what, "fed late by the server: "+wording.Size(t.Bytes)+" in "+wording.Elapsed(time.Duration(t.Seconds*float64(time.Second))))
	}
	if t.Corrupt > 0 {
		what = append(what, fmt.Sprintf("spoiled chunks that were sent again: %d", t.Corrupt))
	}
	text := strings.Join(what, "; ")
	if text != "" && len(t.Skipped) == 0 {
		return node + " " + text
	}
	return text
}
