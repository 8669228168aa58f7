package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kadeploy/kadeploy/actors/message"
)

// frameTime is how long changes are gathered before they are drawn: drawing each costs ten times the CPU.
const frameTime = 100 * time.Millisecond

// LiveConfig says where the live table is drawn.
type LiveConfig struct {
	Output    io.Writer // a terminal
	Input     io.Reader // a terminal for the keys; nil: no keys
	Hint      string    // what Ctrl-C does: "Ctrl-C cancels"
	Interrupt func()    // called on Ctrl-C, which the keyboard no longer turns into a signal
}

// Live is the live table on the alternate screen of a terminal. Its methods may be called by several goroutines.
type Live struct {
	program *tea.Program
	stop    chan struct{}
	closing sync.Once
	ended   sync.WaitGroup
	err     error // of the program; read after ended

	mu     sync.Mutex
	board  Board
	notice string
}

// StartLive takes the terminal. The caller must call Close on every way out: it gives the terminal back.
func StartLive(cfg LiveConfig) *Live {
	l := &Live{stop: make(chan struct{})}
	// Signals are the command's affair: it cancels the operation, then closes the table.
	l.program = tea.NewProgram(NewModel(cfg.Hint, cfg.Interrupt), tea.WithOutput(cfg.Output), tea.WithInput(cfg.Input), tea.WithoutSignalHandler())
	l.ended.Add(2)
	go l.run()
	go l.tick()
	return l
}

func (l *Live) run() {
	defer l.ended.Done()
	if _, err := l.program.Run(); err != nil {
		l.err = fmt.Errorf("terminal: %w", err)
	}
}

// tick sends a frame now and then; Send returns at once when the program has ended.
func (l *Live) tick() {
	defer l.ended.Done()
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case now := <-ticker.C:
			l.program.Send(l.frame(now))
		}
	}
}

func (l *Live) frame(now time.Time) Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Frame{Board: l.board.snapshot(), Now: now, Notice: l.notice}
}

// Event takes an event into the next frame.
func (l *Live) Event(e *message.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board.Apply(e, time.Now())
}

// Notice shows a word of the command itself below the table.
func (l *Live) Notice(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notice = text
}

// Close gives the terminal back and returns what had ended the table before, if anything had. Closing again does nothing.
func (l *Live) Close() error {
	l.closing.Do(func() {
		close(l.stop)
		l.program.Quit()
	})
	l.ended.Wait()
	return l.err
}
