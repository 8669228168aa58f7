package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/power"
)

// Remote are the machines of a Rack in another process, which outlive this one.
type Remote struct{ http http.Client }

var _ power.Driver = (*Remote)(nil)

const (
	maxAnswer    = 64 << 10        // bytes; of a console, too
	lookPatience = 3 * time.Second // for who is asked of a console
)

// Find finds the rack that serves the machines whose disks are in dir; nil when none does.
func Find(dir string) (*Remote, error) {
	path := filepath.Join(dir, socketName)
	conn, err := net.DialTimeout("unix", path, lookPatience)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EINVAL): // too long a path: Listen refuses it
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("sandbox machines of another process: %w", err)
	}
	_ = conn.Close()
	return &Remote{http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}, nil
}

// Do does what Rack.Do does.
func (r *Remote) Do(ctx context.Context, target power.Target, op power.Op, level power.Level) (power.Status, error) {
	text, err := json.Marshal(order{target.Name, op, level})
	if err != nil {
		return power.Unknown, err
	}
	answer, err := r.ask(ctx, http.MethodPost, "/power", bytes.NewReader(text))
	if err != nil {
		return power.Unknown, err
	}
	defer answer.Close()
	var done outcome
	if err := json.NewDecoder(io.LimitReader(answer, maxAnswer)).Decode(&done); err != nil {
		return power.Unknown, lost(ctx, err)
	}
	if done.Error != "" {
		return done.Status, errors.New(done.Error)
	}
	return done.Status, nil
}

// Console returns what Rack.Console does, or one line that says why it cannot.
func (r *Remote) Console(name string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), lookPatience)
	defer cancel()
	answer, err := r.ask(ctx, http.MethodGet, "/console?node="+url.QueryEscape(name), nil)
	if err != nil {
		return []string{err.Error()}
	}
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
	if err != nil {
		return []string{lost(ctx, err).Error()}
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// Follow does what Rack.Follow does.
func (r *Remote) Follow(ctx context.Context, name string, out io.Writer) error {
	answer, err := r.ask(ctx, http.MethodGet, "/console?follow=1&node="+url.QueryEscape(name), nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	if _, err := io.Copy(out, answer); ctx.Err() == nil {
		return lost(ctx, err)
	}
	return nil
}

// Close lets go of them; they go on.
func (r *Remote) Close() { r.http.CloseIdleConnections() }

// ask returns the answer's body, which the caller closes.
func (r *Remote) ask(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://sandbox"+path, body)
	if err != nil {
		return nil, err
	}
	answer, err := r.http.Do(q)
	if err != nil {
		return nil, lost(ctx, err)
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxOrder))
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return answer.Body, nil
}

// lost is why a conversation ended before its answer.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("the process of the sandbox machines does not answer: start it again (kadeploy-server sandbox): %w", err)
}
