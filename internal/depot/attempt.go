package depot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// try asks how far the server is and sends the rest.
func (u *upload) try(ctx context.Context) (whole bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(u.Silence, func() { cancel(fmt.Errorf("the server was silent for %v", u.Silence)) })
	defer watch.Stop()
	answer, err := u.do(ctx, http.MethodHead, nil)
	if err != nil {
		return false, err
	}
	if u.have, err = number(answer.Header.Values(offsetField)); err != nil || u.have > u.Size {
		return false, fmt.Errorf("%s is no server of uploads", u.BaseURL)
	}
	u.report(u.have)
	if answer.Header.Get(completeField) == yes {
		return true, nil
	}
	from := u.have
	sent := &sending{from: io.NewSectionReader(u.File, from, u.Size-from), sent: func(n int64) {
		watch.Reset(u.Silence)
		u.report(from + n)
	}, end: func() { watch.Reset(u.Answer) }}
	if u.Size == from {
		watch.Reset(u.Answer)
	}
	if answer, err = u.do(ctx, http.MethodPatch, sent); err != nil {
		return false, err
	}
	if answer.StatusCode != http.StatusCreated {
		return false, errors.New("the server did not take all that was sent")
	}
	return true, nil
}

func (u *upload) report(done int64) {
	if u.Progress != nil {
		u.Progress(done, u.Size)
	}
}

// do asks once. Answers that are no success are errors.
func (u *upload) do(ctx context.Context, method string, body *sending) (*http.Response, error) {
	url := fmt.Sprintf("%s%s%s?size=%d", u.BaseURL, PathPrefix, u.Digest, u.Size)
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
		req.Header.Set(offsetField, strconv.FormatInt(u.have, 10))
		req.Header.Set(completeField, yes) // the body is all that is missing
		req.Header.Set("Expect", "100-continue")
		req.Body, req.ContentLength = io.NopCloser(body), u.Size-u.have
		if req.ContentLength == 0 {
			req.Body = http.NoBody
		}
	}
	answer, err := u.Client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent || answer.StatusCode == http.StatusCreated {
		return answer, nil
	}
	return nil, &StatusError{answer.StatusCode, textOf(answer)}
}

// textOf is the server's line; the answer to HEAD has none.
func textOf(answer *http.Response) string {
	line, _ := bufio.NewReader(io.LimitReader(answer.Body, 2000)).ReadString('\n')
	if line = wording.Clean(line); line != "" {
		return line
	}
	switch answer.StatusCode {
	case http.StatusRequestEntityTooLarge:
		return "the file is larger than the site takes (upload_max_file)"
	case http.StatusForbidden:
		return "the server does not take files of this user"
	}
	return "the server of uploads says " + wording.Clean(answer.Status)
}

// sending is the body of a request, and tells how much of it was taken. The transport reads it on a goroutine of its own, one at
// a time.
type sending struct {
	from io.Reader
	n    int64
	sent func(int64)
	end  func()
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if s.n += int64(n); n > 0 {
		s.sent(s.n)
	}
	if err != nil {
		s.end()
	}
	return n, err
}
