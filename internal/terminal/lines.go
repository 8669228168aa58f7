package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// Lines writes one line per change, for logs and pipes: no colours, no progress but every quarter of the broadcast.
// One goroutine at a time.
type Lines struct {
	w       io.Writer
	board   Board
	width   int // of the column of names
	quarter int // of the broadcast, written last
}

// NewLines writes to w. Errors of w are ignored: losing the narration must not lose the operation.
func NewLines(w io.Writer) *Lines { return &Lines{w: w, width: len("broadcast")} }

// Event writes what an event changed.
func (l *Lines) Event(e *message.Event) {
	moved := l.board.Apply(e, time.Now())
	at := e.GetTime().AsTime()
	switch fact := e.GetFact().(type) {
	case *message.Event_Started:
		for _, r := range l.board.Rows() {
			l.width = max(l.width, len(r.Name))
		}
		l.write(at, kind(l.board.Operation), l.opening())
	case *message.Event_Node:
		if r, ok := l.board.Row(wording.Clean(fact.Node.GetNode())); ok && moved {
			l.write(at, r.Name, Describe(r))
		}
		l.progress(at)
	case *message.Event_Chain:
		l.write(at, "chain", chainText(fact.Chain))
	case *message.Event_Skip:
		l.write(at, "chain", Skip(fact.Skip.GetNode(), fact.Skip))
	case *message.Event_Note:
		l.write(at, "note", l.board.Note)
	}
}

// Notice writes a word of the command itself.
func (l *Lines) Notice(text string) { fmt.Fprintf(l.w, "kadeploy: %s\n", text) }

// Close ends the lines; there is nothing to restore.
func (l *Lines) Close() error { return nil }

func (l *Lines) write(at time.Time, subject, text string) {
	since := time.Duration(0)
	if !l.board.Started.IsZero() {
		since = max(0, at.Sub(l.board.Started))
	}
	fmt.Fprintf(l.w, "%6.1fs %-*s  %s\n", since.Seconds(), l.width, subject, text)
}

func (l *Lines) progress(at time.Time) {
	part, ok := l.board.Broadcast()
	if quarter := int(part * 4); ok && quarter > l.quarter {
		l.quarter = quarter
		l.write(at, "broadcast", fmt.Sprintf("%d %%", quarter*25))
	}
}

func (l *Lines) opening() string {
	b := &l.board
	names := make([]string, len(b.Rows()))
	for i, r := range b.Rows() {
		names[i] = r.Name
	}
	parts := []string{b.ID}
	if b.Environment != "" {
		parts = append(parts, "environment "+b.Environment)
	}
	if b.Image != "" {
		parts = append(parts, fmt.Sprintf("image %s (%s)", b.Image, wording.Size(b.ImageSize)))
	}
	parts = append(parts, plural(len(names), "node")+" "+nodeset.Fold(names))
	if b.MinNodes > 0 {
		parts = append(parts, fmt.Sprintf("minnodes %d", b.MinNodes))
	}
	return strings.Join(parts, ", ")
}

// Describe says in words where a node stands.
func Describe(r Row) string {
	switch r.Phase {
	case message.NodePhase_RUNNING:
		return state(r) + try(r)
	case message.NodePhase_RETRYING:
		if r.Interrupted {
			return because("in "+state(r)+try(r)+", to be gone on with", r.Cause)
		}
		return because("failed in "+state(r)+try(r)+", to be tried again", r.Cause)
	case message.NodePhase_OK:
		return "OK"
	case message.NodePhase_KO:
		if state(r) == "" {
			return because("KO", r.Cause)
		}
		return because("KO in "+state(r), r.Cause)
	case message.NodePhase_CUT:
		return because("cut, enough nodes are OK", r.Cause)
	case message.NodePhase_CANCELLED:
		return because("cancelled", r.Cause)
	}
	return strings.TrimSpace("waiting " + state(r))
}

// state is MACRO/INSTANCE MICRO, as far as known.
func state(r Row) string {
	s := r.Macro
	if r.Instance != "" {
		s += "/" + r.Instance
	}
	return strings.TrimSpace(s + " " + r.Micro)
}

func try(r Row) string {
	if r.Try < 2 {
		return ""
	}
	return fmt.Sprintf(" (try %d)", r.Try)
}

func because(text, cause string) string {
	if cause == "" {
		return text
	}
	return text + ": " + cause
}

// chainText is what the chain says; without words, its order.
func chainText(c *message.ChainChanged) string {
	if c.GetText() != "" {
		return wording.Clean(c.GetText())
	}
	return wording.Clean("in the order " + strings.Join(c.GetOrder(), ", "))
}

// Skip says in words how a node left the chain: node-3 skipped by node-2 at 12.0 MiB: silent for 2s.
func Skip(node string, s *message.ChainSkip) string {
	how := "skipped by " + s.GetBy()
	switch s.GetBy() {
	case "":
		how = "skipped by the server"
	case node:
		how = "stepped out"
	}
	return because(wording.Clean(node+" "+how+" at "+wording.Size(s.GetOffset())), wording.Clean(s.GetCause()))
}

func kind(o message.Operation) string {
	if o == message.Operation_DEPLOY {
		return "deployment"
	}
	return strings.ReplaceAll(strings.ToLower(o.String()), "_", " ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
