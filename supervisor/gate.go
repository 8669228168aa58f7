package supervisor

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// gate is a mailbox that keeps what comes before its actor was spawned to the end. The library enters an actor in its
// registry before the mailbox has its handlers: whoever sends by name in between, as one does to an actor that is just
// respawned, races with the spawn, may find no dispatcher, and may be heard before Started.
type gate struct {
	actor.Mailbox
	open   atomic.Bool
	mu     sync.Mutex
	system []any // in the order of their coming, until the gate opens
	user   []any
}

// gated is the producer of the mailboxes of this package's actors.
func gated() actor.Mailbox { return &gate{Mailbox: actor.Unbounded()()} }

// PostUserMessage implements actor.Mailbox.
func (g *gate) PostUserMessage(m any) {
	if !g.keep(&g.user, m) {
		g.Mailbox.PostUserMessage(m)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (g *gate) PostSystemMessage(m any) {
	if !g.keep(&g.system, m) {
		g.Mailbox.PostSystemMessage(m)
	}
}

func (g *gate) keep(list *[]any, m any) bool {
	if g.open.Load() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open.Load() {
		return false
	}
	*list = append(*list, m)
	return true
}

// Start implements actor.Mailbox; the library calls it last, after it has posted Started. That goes first, whoever came
// before it.
func (g *gate) Start() {
	g.Mailbox.Start()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, first := range []bool{true, false} {
		for _, m := range g.system {
			if _, started := m.(*actor.Started); started == first {
				g.Mailbox.PostSystemMessage(m)
			}
		}
	}
	for _, m := range g.user {
		g.Mailbox.PostUserMessage(m)
	}
	g.system, g.user = nil, nil
	g.open.Store(true)
}
