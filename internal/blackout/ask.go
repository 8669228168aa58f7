package blackout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

// ask makes the requests, each followed by whoever watches it.
func (r *run) ask(ctx context.Context, users *sync.WaitGroup) {
	for _, q := range r.Requests {
		if !pause(ctx, q.After) {
			return
		}
		id := r.accepted(ctx, q)
		if id == "" {
			continue
		}
		r.witness.accept(id, q)
		users.Go(func() { r.witness.watch(ctx, r.client, id) })
		if q.Cancel > 0 {
			users.Go(func() {
				pause(ctx, q.Cancel)
				_ = r.client.Cancel(ctx, id) // the daemon may be away, or the operation over
			})
		}
	}
}

// accepted makes a request until it is answered: while the daemon is away nobody answers. "": it was refused.
func (r *run) accepted(ctx context.Context, q Request) string {
	for {
		id, err := r.submit(ctx, q)
		if err == nil {
			return id
		}
		var no *client.RefusedError
		switch {
		case errors.As(err, &no):
			r.refused++
			if why := r.unfounded(no.Refused); why != "" {
				r.witness.blame("a request was refused %s: %v", why, err)
			}
			return ""
		case !unanswered(err):
			r.witness.blame("a request was neither accepted nor refused: %v", err)
			return ""
		}
		r.unheard++
		if !pause(ctx, 200*time.Millisecond) {
			return ""
		}
	}
}

// unanswered says whether a request failed because no daemon was there, or none that came to an answer.
func unanswered(err error) bool {
	return errors.Is(err, client.ErrNoServer) || errors.Is(err, context.DeadlineExceeded)
}

// unfounded says what is wrong with a refusal; "": nothing. All requests are good, and who makes them may do all.
func (r *run) unfounded(no *message.Refused) string {
	switch code := no.GetCode(); {
	case code == message.Refusal_BUSY && len(no.GetBusy()) > 0:
		return ""
	case code == message.Refusal_BUSY:
		return "because of nobody"
	case code == message.Refusal_UNAVAILABLE && !r.calm:
		return ""
	default:
		return fmt.Sprintf("as %v", code)
	}
}

func (r *run) submit(ctx context.Context, q Request) (string, error) {
	m := &message.Submit{MinNodes: q.MinNodes, Operation: message.Operation_DEPLOY}
	switch {
	case q.Reboot:
		m.Operation, m.RebootLevel = message.Operation_REBOOT, q.Level
	case q.Fetched > 0:
		m.EnvironmentName = fetched(q.Fetched)
	default:
		path := filepath.Join(r.dir, "images", "system.env")
		if q.Prepares {
			path, m.Breakpoint = filepath.Join(r.dir, "images", "prepared.env"), "BroadcastEnv"
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		m.Environment, m.EnvironmentPath = text, path
	}
	if q.Custom != (Place{}) {
		m.CustomOperations, m.CustomOperationsPath = q.Custom.operation(r.dir), filepath.Join(r.dir, "custom.yaml")
	}
	for _, n := range q.Nodes {
		m.Nodes = append(m.Nodes, node(n))
	}
	return r.client.Submit(ctx, m)
}
