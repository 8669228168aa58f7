package script

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine bounds one line given to Config.Stdout and the last line in an error.
const maxLine = 512

// output is where a script's output goes: all of it into the tail, standard output through lines when they are wanted.
type output struct {
	tail  *tail
	lines *lines
}

func (o *output) stdout() io.Writer {
	if o.lines != nil {
		return o.lines
	}
	return o.tail
}

// tail keeps the last TailSize bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[max(0, len(p)-TailSize):]...)
	if extra := len(t.buf) - TailSize; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// String is what is kept, as valid UTF-8.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.buf), "?")
}

// lines cuts a stream into lines. What is longer than maxLine is given in pieces.
type lines struct {
	to   func(string)
	also *tail
	part []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.also.Write(p)
	for rest := p; len(rest) > 0; {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		n := min(len(line), maxLine-len(l.part))
		l.part = append(l.part, line[:n]...)
		switch {
		case n < len(line):
			l.flush()
			rest = rest[n:]
			continue
		case found:
			l.to(string(l.part))
			l.part = l.part[:0]
		}
		rest = after
	}
	return len(p), nil
}

// flush gives the last line when it had no end.
func (l *lines) flush() {
	if len(l.part) > 0 {
		l.to(string(l.part))
		l.part = l.part[:0]
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "")
	}
	return text
}
