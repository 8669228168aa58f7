package depot

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

var (
	// errBody marks what the way from the client broke, unlike what the disk did.
	errBody = errors.New("the upload was cut off")
	// errSilent is a client that sent nothing for too long.
	errSilent = errors.New("nothing came for too long; go on with a new request")
)

// body is what a client sends, as long as it sends something.
type body struct {
	from    io.Reader
	control *http.ResponseController
	silence time.Duration

	mu   sync.Mutex
	over bool // interrupted: the deadline is not moved any more
}

var _ Interrupter = (*body)(nil)

func newBody(from io.Reader, control *http.ResponseController, silence time.Duration) *body {
	return &body{from: from, control: control, silence: silence}
}

// Read gives each read its own time.
func (b *body) Read(p []byte) (int, error) {
	deadline := time.Now().Add(b.silence)
	b.until(deadline)
	n, err := b.from.Read(p)
	if err == nil || err == io.EOF {
		// What follows, a digest for example, takes its time: the server reads on meanwhile to see whether the client is there.
		b.until(time.Time{})
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) { // else it was interrupted
		err = errSilent
	}
	return n, fmt.Errorf("%w: %w", errBody, err)
}

// Interrupt ends a Read that waits, and all that follow.
func (b *body) Interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	_ = b.control.SetReadDeadline(time.Unix(1, 0))
}

// until moves the deadline of the connection. A connection without deadlines has none.
func (b *body) until(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		_ = b.control.SetReadDeadline(t)
	}
}
