package broadcast

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/chain"
)

const (
	redrawEvery = 200 * time.Millisecond // the live line
	lineEvery   = 10 * time.Second       // the lines of a log
)

// display shows a board: on a terminal one line that lives below permanent ones, elsewhere permanent ones only.
// Its methods may be called by any goroutine.
type display struct {
	out   io.Writer
	width func() int // of the terminal, now; nil: none

	mu    sync.Mutex
	board *board
	began time.Time
	live  bool // a line is on the terminal that is to be written over

	stop chan struct{}
	wg   sync.WaitGroup
}

// startDisplay shows events at once, and how far things are again and again unless quiet is set. It lives until close.
func startDisplay(out io.Writer, b *board, quiet bool) *display {
	d := &display{out: out, width: widthOf(out), board: b, began: time.Now(), stop: make(chan struct{})}
	if !quiet {
		d.wg.Go(d.run)
	}
	return d
}

func (d *display) run() {
	every := lineEvery
	if d.width != nil {
		every = redrawEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case now := <-tick.C:
			d.draw(now)
		}
	}
}

func (d *display) draw(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := d.board.line(now)
	if d.width == nil {
		fmt.Fprintf(d.out, "%6.1f s  %s\n", now.Sub(d.began).Seconds(), line)
		return
	}
	fmt.Fprintf(d.out, "\r%s\x1b[K", cut(line, d.width()-1))
	d.live = true
}

// say writes a permanent line; none when text is "".
func (d *display) say(text string) {
	if text == "" {
		return
	}
	if d.live {
		text, d.live = "\r\x1b[K"+text, false
	}
	fmt.Fprintln(d.out, text)
}

func (d *display) moved(p chain.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(d.board.moved(p))
}

func (d *display) skipped(s chain.Skip) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(d.board.skipped(s))
}

func (d *display) spoiled(s chain.Spoil) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(d.board.spoiled(s))
}

// passed takes that the chain is through and that the head goes on for so long, for those it lost.
func (d *display) passed(linger time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(d.board.passed(linger))
}

// close takes the live line away.
func (d *display) close() {
	close(d.stop)
	d.wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live {
		fmt.Fprint(d.out, "\r\x1b[K")
	}
}

// widthOf is how wide the terminal behind w is; nil when there is none that can write a line over.
func widthOf(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return nil
	}
	fd := int(f.Fd())
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return nil
	}
	return func() int {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && size.Col > 1 {
			return int(size.Col)
		}
		return 80
	}
}

// cut shortens a line to so many characters.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(0, width)])
}
