package blackout

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

// witness has what the daemon acknowledged: the requests that were accepted, by id, and each event that a client was given.
type witness struct {
	mu       sync.Mutex
	accepted map[string]Request
	seen     map[string][]*message.Event // by operation
	wrong    []string
}

func newWitness() witness {
	return witness{accepted: make(map[string]Request), seen: make(map[string][]*message.Event)}
}

func (w *witness) accept(id string, q Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted[id] = q
}

func (w *witness) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// watch follows an operation through all restarts to its end.
func (w *witness) watch(ctx context.Context, c *client.Client, id string) {
	_, err := c.Watch(ctx, id, 1, func(e *message.Event) error {
		e = proto.CloneOf(e)
		e.ClientId = ""
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[id] = append(w.seen[id], e)
		return nil
	})
	if err != nil {
		w.blame("%s: who watched it heard no end: %v", id, err)
	}
}

// again reads an operation from its first event, and holds it against what was seen.
func (w *witness) again(ctx context.Context, c *client.Client, id string) (events []*message.Event) {
	_, err := c.Watch(ctx, id, 1, func(e *message.Event) error {
		e = proto.CloneOf(e)
		e.ClientId = ""
		events = append(events, e)
		return nil
	})
	if err != nil {
		w.blame("%s: cannot be read again: %v", id, err)
		return events
	}
	if len(events) < len(w.seen[id]) {
		w.blame("%s: %d events were acknowledged, %d are there", id, len(w.seen[id]), len(events))
		return events
	}
	for i, e := range w.seen[id] {
		if !proto.Equal(e, events[i]) {
			w.blame("%s: event %d is not the one that was acknowledged: %v, now %v", id, i+1, e, events[i])
			break
		}
	}
	return events
}
