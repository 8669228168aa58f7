package redfish

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/power"
)

const (
	maxBody  = 4 << 20          // how much of one answer is read, in bytes
	busyTime = 30 * time.Second // how long a busy service is asked again where the context has no deadline
)

// transport gives each request of a session the time that one may take, and its answer, which is read whole, a bound. A service that is busy
// is asked again until the context ends, one that does not answer as often as tries says. An order to the machine (a reset) is repeated only
// where it cannot have been taken. One goroutine uses it.
type transport struct {
	ctx    context.Context
	base   *http.Transport
	answer time.Duration
	tries  int
	begun  time.Time
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, bounded := t.ctx.Deadline()
	lost := 0
	var refused *http.Response
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		answer, content, err := t.once(r)
		if err != nil && refused != nil && t.ctx.Err() != nil {
			return refused, nil // which says more than that the time is over
		}
		if err != nil {
			lost++
		}
		again := err == nil && busy(r, answer.StatusCode, content) || err != nil && lost < t.tries && repeatable(r, err)
		patient := bounded || time.Since(t.begun) < busyTime
		if !again || !patient || power.Pause(t.ctx, wait) != nil {
			return answer, err
		}
		refused = cmp.Or(answer, refused)
	}
}

// once sends a request, and returns its answer with what it holds.
func (t *transport) once(r *http.Request) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.answer)
	defer cancel()
	own := r.Clone(ctx)
	if r.GetBody != nil {
		own.Body, _ = r.GetBody() // of bytes: it cannot fail
	}
	answer, err := t.base.RoundTrip(own)
	var content []byte
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(answer.Body, maxBody))
		answer.Body.Close()
	}
	switch {
	case err != nil && ctx.Err() != nil && t.ctx.Err() == nil:
		return nil, nil, fmt.Errorf("no answer within %v", t.answer)
	case err != nil:
		return nil, nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	return answer, content, nil
}

// busy says that the service may do later what it does not do now. A 503 may come from a web server in front of the service, which has
// waited for it in vain: an order is known not to be taken only when the service itself says so.
func busy(r *http.Request, status int, content []byte) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		return !orders(r) || len(reasons(content)) > 0
	}
	full := func(id string) bool {
		return strings.HasSuffix(id, ".SessionLimitExceeded") || strings.HasSuffix(id, ".CreateLimitReachedForResource")
	}
	return status >= 400 && opensSession(r) && slices.ContainsFunc(reasons(content), full)
}

// reasons are the message identifiers of an error (DSP0266, "Error responses"): Base.1.8.ServiceTemporarilyUnavailable.
func reasons(content []byte) []string {
	var answer struct {
		Error struct {
			Code string
			Info []struct{ MessageID string } `json:"@Message.ExtendedInfo"`
		}
	}
	if json.Unmarshal(content, &answer) != nil || answer.Error.Code == "" {
		return nil
	}
	ids := []string{answer.Error.Code}
	for _, info := range answer.Error.Info {
		ids = append(ids, info.MessageID)
	}
	return ids
}

// repeatable says whether a request without an answer may be sent again, and a certificate is not what is wrong with it.
func repeatable(r *http.Request, err error) bool {
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &certificate):
		return false
	case errors.As(err, &network) && network.Op == "dial": // nothing has been sent
		return true
	}
	return !orders(r)
}

// orders says whether a request has the machine do something; all others may be repeated.
func orders(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/Actions/")
}

func opensSession(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/Sessions")
}
