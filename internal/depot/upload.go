package depot

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

// UploadConfig says what goes where.
type UploadConfig struct {
	Client   *http.Client // presents who the user is; no Timeout, which would bound the whole upload
	BaseURL  string       // https://HOST:PORT
	File     *os.File     // a regular file, read by offsets: where it stands does not matter
	Size     int64        // bytes; as Sum found it
	Digest   Digest
	Progress func(done, total int64) // what the server has, and is sent; may be nil; never twice at once

	Silence time.Duration                               // without a byte that leaves, after which the connection is given up; 30 s when 0
	Answer  time.Duration                               // for the server to answer once it has everything; 10 min when 0
	Tries   int                                         // in a row that bring nothing; 8 when 0
	Pause   func(ctx context.Context, failed int) error // before the next try; from 0.2 s, doubled up to 10 s, when nil
}

// ErrChanged means that a file is not the one any more that was to be uploaded.
var ErrChanged = errors.New("the file has changed meanwhile; start again when it is complete")

// StatusError is the server's reasoned no to an upload.
type StatusError struct {
	Status int    // of HTTP
	Text   string // one line
}

func (e *StatusError) Error() string { return e.Text }

// Upload sends a file to a depot's Handler and returns when the server has all of it and has found its digest right. It goes
// on where the server stands, from an earlier call or over connections that break, until some tries in a row bring nothing.
// Errors are ErrChanged, a *StatusError, the cause of ctx, or the last that the network said.
func Upload(ctx context.Context, c UploadConfig) error {
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	c.Answer = cmp.Or(c.Answer, 10*time.Minute)
	c.Tries = cmp.Or(c.Tries, 8)
	if c.Pause == nil {
		c.Pause = pause
	}
	before, err := c.File.Stat()
	if err != nil {
		return err
	}
	if before.Size() != c.Size {
		return ErrChanged
	}
	u := &upload{UploadConfig: c, before: before}
	for failed := 0; ; {
		had := u.have
		whole, err := u.try(ctx)
		switch changed := u.unchanged(); {
		case changed != nil:
			return changed
		case whole:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if failed++; u.have > had {
			failed = 1
		}
		if u.final(err) || failed >= c.Tries {
			return err
		}
		if err := c.Pause(ctx, failed); err != nil {
			return err
		}
	}
}

// pause waits between tries, a little at random so that many clients do not come back at once.
func pause(ctx context.Context, failed int) error {
	d := min(10*time.Second, 200*time.Millisecond<<min(failed-1, 10))
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// upload is one call of Upload.
type upload struct {
	UploadConfig
	before os.FileInfo
	have   int64 // at the server, as far as is known
	wrong  int   // times that the server found another digest
}

// final says whether another try would end the same way. A conflict and a server that is busy are no reasons to give up;
// neither are broken connections, which are no StatusError. A digest that is wrong once was spoiled on its way.
func (u *upload) final(err error) bool {
	var status *StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Status {
	case http.StatusUnprocessableEntity:
		u.wrong++
		return u.wrong > 1
	case http.StatusConflict, http.StatusRequestTimeout, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return false
	}
	return true
}

func (u *upload) unchanged() error {
	now, err := u.File.Stat()
	switch {
	case err != nil:
		return err
	case now.Size() != u.before.Size(), !now.ModTime().Equal(u.before.ModTime()):
		return ErrChanged
	}
	return nil
}
