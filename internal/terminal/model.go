package terminal

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// Frame is what the table shows from now on: a copy of the board, and the time on our clock.
type Frame struct {
	Board  Board
	Now    time.Time
	Notice string // a word of the command itself, instead of the footer
}

// Model is the live table as a pure function of the frames, keys and sizes it was given.
type Model struct {
	frame         Frame
	width, height int
	top           int    // index of the first row shown
	stateWidth    int    // widest state seen: the columns must not jump about
	hint          string // what Ctrl-C does
	interrupt     func()
}

// NewModel makes a table of 80 by 24 that knows nothing yet. interrupt is called on Ctrl-C, not on the drawing goroutine;
// hint says what that does: "Ctrl-C cancels".
func NewModel(hint string, interrupt func()) Model {
	return Model{width: 80, height: 24, stateWidth: len("STATE"), hint: hint, interrupt: interrupt}
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case Frame:
		m.frame = msg
		for _, r := range msg.Board.rows {
			m.stateWidth = max(m.stateWidth, len(shortState(r)))
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			return m, func() tea.Msg { m.interrupt(); return nil }
		}
		m.top += m.stride(msg.String())
	}
	m.top = max(0, min(m.top, len(m.frame.Board.rows)-m.page()))
	return m, nil
}

// stride is by how many rows a key scrolls.
func (m Model) stride(key string) int {
	switch key {
	case "up", "k":
		return -1
	case "down", "j":
		return 1
	case "pgup", "b":
		return -m.page()
	case "pgdown", "space", "f":
		return m.page()
	case "home", "g":
		return -len(m.frame.Board.rows)
	case "end", "G":
		return len(m.frame.Board.rows)
	}
	return 0
}

// chrome is the number of lines that are not rows: two of header, the broadcast, the titles, the footer.
const chrome = 5

// page is the number of rows that fit.
func (m Model) page() int { return max(1, m.height-chrome) }

// View implements tea.Model.
func (m Model) View() tea.View {
	v := tea.NewView(m.render())
	v.AltScreen = true
	return v
}
