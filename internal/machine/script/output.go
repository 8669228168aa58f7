package script

import (
	"bytes"
	"io"

	"github.com/kadeploy/kadeploy/internal/process"
)

// maxLine bounds one line given to Config.Stdout.
const maxLine = process.MaxLine

// output is where a script's output goes: all of it into the tail, standard output through lines when they are wanted.
type output struct {
	tail  *process.Tail
	lines *lines
}

func (o *output) stdout() io.Writer {
	if o.lines != nil {
		return o.lines
	}
	return o.tail
}

// lines cuts a stream into lines. What is longer than maxLine is given in pieces.
type lines struct {
	to   func(string)
	also *process.Tail
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
