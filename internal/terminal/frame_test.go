package terminal_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/terminal"
)

var update = flag.Bool("update", false, "rewrite the frames")

// scene is a table of eight nodes at the most telling moment.
func scene() terminal.Frame {
	var b terminal.Board
	apply := func(seconds float64, fact any) { b.Apply(at(seconds, fact), zero.Add(time.Duration(seconds*1e9))) }
	var names []string
	for i := 1; i <= 8; i++ {
		names = append(names, fmt.Sprintf("node-%d.demo", i))
	}
	apply(0, started(6, names...))
	apply(1, running("node-2.demo", "SetDeploymentEnv", "wait_reboot", 2))
	apply(2, received("node-3.demo", 450))
	apply(2, received("node-4.demo", 1000))
	apply(3, running("node-4.demo", "BootNewEnv", "wait_reboot", 1))
	apply(4, phase("node-5.demo", message.NodePhase_OK, ""))
	apply(5, phase("node-6.demo", message.NodePhase_KO, "power: no answer from the controller in 30 s"))
	apply(6, phase("node-7.demo", message.NodePhase_RETRYING, "ssh port closed"))
	apply(7, phase("node-8.demo", message.NodePhase_CANCELLED, ""))
	apply(8, &message.ChainSkip{Node: "node-6.demo", By: "node-5.demo", Cause: "connection reset", Offset: 300})
	return terminal.Frame{Board: b, Now: zero.Add(12300 * time.Millisecond)}
}

// TestFrames compares whole screens with those of testdata, colours taken off.
func TestFrames(t *testing.T) {
	size := func(w, h int) tea.Msg { return tea.WindowSizeMsg{Width: w, Height: h} }
	key := func(code rune) tea.Msg { return tea.KeyPressMsg{Code: code} }
	notice := scene()
	notice.Notice = "interrupted: cancelling D-7, for up to 10.0 s; Ctrl-C again leaves at once"
	for name, messages := range map[string][]tea.Msg{
		"before-anything": {},
		"whole":           {size(120, 16), scene()},
		"narrow":          {size(50, 16), scene()},
		"short":           {size(120, 8), scene()},
		"scrolled":        {size(120, 8), scene(), key(tea.KeyDown), key(tea.KeyDown)},
		"end":             {size(120, 8), scene(), key(tea.KeyEnd), key(tea.KeyDown), key(tea.KeyPgDown)},
		"home":            {size(120, 8), scene(), key(tea.KeyEnd), key(tea.KeyHome), key(tea.KeyUp), key(tea.KeyPgUp)},
		"grown":           {size(120, 8), scene(), key(tea.KeyEnd), size(120, 16)},
		"tiny":            {size(1, 1), scene()},
		"notice":          {size(120, 16), notice},
	} {
		t.Run(name, func(t *testing.T) {
			var m tea.Model = terminal.NewModel("Ctrl-C cancels", func() {})
			for _, msg := range messages {
				m, _ = m.Update(msg)
			}
			view := m.View()
			if !view.AltScreen {
				t.Error("the frame is drawn among the user's own lines")
			}
			compare(t, filepath.Join("testdata", name+".txt"), ansi.Strip(view.Content)+"\n")
		})
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// No line is wider than the terminal, whatever the size, and no more lines than it has are drawn from 6 lines on.
func TestFramesFit(t *testing.T) {
	var m tea.Model = terminal.NewModel("Ctrl-C cancels", func() {})
	m, _ = m.Update(scene())
	for width := 1; width < 140; width += 7 {
		for height := 6; height < 30; height++ {
			m, _ = m.Update(tea.WindowSizeMsg{Width: width, Height: height})
			lines := strings.Split(m.View().Content, "\n")
			if len(lines) != height {
				t.Fatalf("%dx%d: %d lines", width, height, len(lines))
			}
			for _, l := range lines {
				if w := ansi.StringWidth(l); w > width {
					t.Fatalf("%dx%d: a line of %d: %q", width, height, w, l)
				}
			}
		}
	}
}

func BenchmarkFrame1000Nodes(b *testing.B) {
	var board terminal.Board
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("node-%d.demo", i))
	}
	board.Apply(at(0, started(0, names...)), zero)
	var m tea.Model = terminal.NewModel("Ctrl-C cancels", func() {})
	for b.Loop() {
		m, _ = m.Update(terminal.Frame{Board: board, Now: zero})
		_ = m.View()
	}
}
