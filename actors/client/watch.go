package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// Watch calls fn with every event of an operation from number from on (0 or 1: all), in order and each once, until the operation
// ends; it returns that end. fn runs on the caller's goroutine; its error ends the watch. A broken link is mended by
// subscribing again; a server that stays unreachable is ErrNoServer.
func (c *Client) Watch(ctx context.Context, id string, from uint64, fn func(*message.Event) error) (*message.Ended, error) {
	w := &watch{client: c, id: id, key: newID(), next: max(from, 1), fn: fn}
	events, forget := c.expect(w.key)
	defer forget()
	defer func() { _ = c.send(&message.Unsubscribe{Id: id, ClientId: w.key}) }()
	if err := w.subscribe(); err != nil {
		return nil, err
	}
	quiet := time.NewTimer(c.silence)
	defer quiet.Stop()
	for {
		select {
		case m := <-events:
			quiet.Reset(c.silence)
			w.outage, w.unanswered = time.Time{}, false
			if ended, err := w.take(m); ended != nil || err != nil {
				return ended, err
			}
		case <-quiet.C:
			if err := w.again(ctx); err != nil {
				return nil, err
			}
			quiet.Reset(c.silence)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// watch is one subscription.
type watch struct {
	client *Client
	id     string
	key    string
	next   uint64 // number of the event wanted next
	used   uint32 // events taken since credit was last given
	gap    bool   // an event was lost and asked for again
	fn     func(*message.Event) error

	unanswered bool      // nothing came since it was renewed: every renewal is answered
	outage     time.Time // when that was first found, or the server was not there
}

func (w *watch) subscribe() error {
	w.used = 0
	return w.client.send(&message.Subscribe{Id: w.id, From: w.next, Credit: credit, ClientId: w.key})
}

// again renews the subscription: after a silence there is either nothing to say, a lost message or a lost server, and
// asking from the next number on is right in each case.
func (w *watch) again(ctx context.Context) error {
	err := reachable(ctx, w.client.server)
	switch {
	case err != nil && !errors.Is(err, ErrNoServer):
		return err
	case err == nil && w.unanswered:
		err = fmt.Errorf("%w that answers at %s", ErrNoServer, w.client.server)
	}
	if err != nil {
		if w.outage.IsZero() {
			w.outage = time.Now()
		}
		if time.Since(w.outage) > w.client.outage {
			return fmt.Errorf("%w: the operation %s may still run; see kadeploy watch %s", err, w.id, w.id)
		}
	}
	w.unanswered = true
	return w.subscribe()
}

func (w *watch) take(m proto.Message) (*message.Ended, error) {
	switch m := m.(type) {
	case *message.Refused:
		return nil, &RefusedError{m}
	case *message.Event:
		if m.GetSeq() != w.next {
			return nil, w.mend(m.GetSeq())
		}
		w.next, w.gap = w.next+1, false
		if err := w.fn(m); err != nil {
			return nil, err
		}
		if ended := m.GetEnded(); ended != nil {
			return ended, nil
		}
		return nil, w.giveCredit()
	}
	return nil, nil
}

// mend asks again, once, when an event was lost on the way; an event seen before is dropped.
func (w *watch) mend(seq uint64) error {
	if seq < w.next || w.gap {
		return nil
	}
	w.gap = true
	return w.subscribe()
}

func (w *watch) giveCredit() error {
	if w.used++; w.used < credit/2 {
		return nil
	}
	more := w.used
	w.used = 0
	return w.client.send(&message.Credit{Id: w.id, More: more, ClientId: w.key})
}
