package terminal

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

const (
	maxNameWidth    = 40
	maxClusterWidth = 16
	barWidth        = 10
)

// render draws the whole screen, every line cut to the width.
func (m Model) render() string {
	b := &m.frame.Board
	lines := []string{m.title(), m.counts(), m.broadcast(), m.titles()}
	rows := inOrderOfConcern(b.rows)
	bottom := min(m.top+m.page(), len(rows))
	for _, r := range rows[min(m.top, bottom):bottom] {
		lines = append(lines, m.row(r))
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, m.footer(bottom))
	lines = lines[:min(len(lines), max(1, m.height))]
	for i, l := range lines {
		lines[i] = ansi.Truncate(strings.TrimRight(l, " "), m.width, "")
	}
	return strings.Join(lines, "\n")
}

func (m Model) title() string {
	b := &m.frame.Board
	parts := []string{kind(b.Operation) + " " + b.ID}
	if b.Environment != "" {
		parts = append(parts, b.Environment)
	}
	if b.ImageSize > 0 {
		parts = append(parts, wording.Size(b.ImageSize))
	}
	parts = append(parts, wording.Elapsed(b.Elapsed(m.frame.Now)))
	return lipgloss.NewStyle().Bold(true).Render(strings.Join(parts, "  "))
}

// counts says how many nodes are where, and how far the quorum is.
func (m Model) counts() string {
	b := &m.frame.Board
	s := plural(len(b.rows), "node")
	for p, n := range b.counts {
		if n > 0 {
			s += fmt.Sprintf(", %d %s", n, phaseWord(message.NodePhase(p)))
		}
	}
	if b.MinNodes == 0 {
		return s
	}
	if missing := b.MinNodes - b.Count(message.NodePhase_OK); missing > 0 {
		return fmt.Sprintf("%s; minnodes %d: %d more needed", s, b.MinNodes, missing)
	}
	return fmt.Sprintf("%s; minnodes %d reached", s, b.MinNodes)
}

func (m Model) broadcast() string {
	part, ok := m.frame.Board.Broadcast()
	if !ok {
		return ""
	}
	return fmt.Sprintf("broadcast %s %3.0f %%", bar(part, 4*barWidth), part*100)
}

func (m Model) titles() string {
	name, cluster := m.widths()
	return lipgloss.NewStyle().Faint(true).Render(fmt.Sprintf("%-*s  %-*s  %-*s  TRY  SECONDS  IMAGE OR CAUSE",
		name, "NODE", cluster, "CLUSTER", m.stateWidth, "STATE"))
}

func (m Model) row(r *Row) string {
	name, cluster := m.widths()
	detail, tries := r.Cause, ""
	if size := m.frame.Board.ImageSize; r.Receiving() && size > 0 {
		part := float64(r.Bytes) / float64(size)
		detail = fmt.Sprintf("%s %3.0f %%", bar(part, barWidth), 100*min(1, part))
	}
	if r.Try > 0 {
		tries = fmt.Sprint(r.Try)
	}
	text := fmt.Sprintf("%-*s  %-*s  %-*s  %3s  %7.1f  %s",
		name, ansi.Truncate(r.Name, name, "…"), cluster, ansi.Truncate(r.Cluster, cluster, "…"),
		m.stateWidth, shortState(*r), tries, m.seconds(r), detail)
	return phaseStyle(r.Phase).Render(strings.TrimRight(text, " "))
}

// seconds is the time in the present state, and for a node that is done the time it took.
func (m Model) seconds(r *Row) float64 {
	switch b := &m.frame.Board; r.Phase {
	case message.NodePhase_OK, message.NodePhase_KO, message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return max(0, r.Since.Sub(b.Started).Seconds())
	default:
		return b.since(r.Since, m.frame.Now).Seconds()
	}
}

func (m Model) widths() (name, cluster int) {
	name, cluster = len("NODE"), len("CLUSTER")
	for i := range m.frame.Board.rows {
		name = max(name, len(m.frame.Board.rows[i].Name))
		cluster = max(cluster, len(m.frame.Board.rows[i].Cluster))
	}
	return min(name, maxNameWidth), min(cluster, maxClusterWidth)
}

func (m Model) footer(bottom int) string {
	if m.frame.Notice != "" {
		return m.frame.Notice
	}
	keys := m.hint
	if total := len(m.frame.Board.rows); total > m.page() {
		keys = fmt.Sprintf("rows %d-%d of %d, arrows scroll, %s", m.top+1, bottom, total, keys)
	}
	if note := m.frame.Board.Note; note != "" {
		return keys + "; " + note
	}
	return keys
}

// inOrderOfConcern puts nodes that are KO first and those that are done last; otherwise the order of the request
// stands, so that a row moves once at most.
func inOrderOfConcern(rows []Row) []*Row {
	var ko, busy, done []*Row
	for i := range rows {
		switch r := &rows[i]; r.Phase {
		case message.NodePhase_KO:
			ko = append(ko, r)
		case message.NodePhase_OK, message.NodePhase_CUT, message.NodePhase_CANCELLED:
			done = append(done, r)
		default:
			busy = append(busy, r)
		}
	}
	return append(append(ko, busy...), done...)
}

// shortState is the state without its cause, which has a column of its own.
func shortState(r Row) string {
	switch r.Phase {
	case message.NodePhase_RUNNING:
		return state(r)
	case message.NodePhase_WAITING, message.NodePhase_OK, message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return phaseWord(r.Phase)
	}
	return strings.TrimSpace(phaseWord(r.Phase) + " " + state(r))
}

func phaseWord(p message.NodePhase) string {
	switch p {
	case message.NodePhase_OK, message.NodePhase_KO:
		return p.String()
	}
	return strings.ToLower(p.String())
}

func phaseStyle(p message.NodePhase) lipgloss.Style {
	s := lipgloss.NewStyle()
	switch p {
	case message.NodePhase_OK:
		return s.Foreground(lipgloss.Green)
	case message.NodePhase_KO:
		return s.Foreground(lipgloss.Red)
	case message.NodePhase_RETRYING:
		return s.Foreground(lipgloss.Yellow)
	case message.NodePhase_WAITING, message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return s.Faint(true)
	}
	return s
}

// bar draws a part of 0 to 1.
func bar(part float64, width int) string {
	full := int(max(0, min(1, part)) * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
