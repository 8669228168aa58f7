package process

import (
	"strings"
	"sync"
)

const (
	// TailSize is how many bytes a Tail keeps.
	TailSize = 4 << 10
	// MaxLine bounds the last line, in bytes.
	MaxLine = 512
)

// Tail keeps the last TailSize bytes written to it. Its zero value is ready; calls may overlap.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer and never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[max(0, len(p)-TailSize):]...)
	if extra := len(t.buf) - TailSize; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// String is what is kept, as valid UTF-8.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.buf), "?")
}

// LastLine is the last line that is not empty; "" when there is none.
func (t *Tail) LastLine() string {
	text := strings.TrimSpace(t.String())
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if len(text) > MaxLine {
		text = strings.ToValidUTF8(text[:MaxLine], "")
	}
	return text
}
