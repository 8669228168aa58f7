// Package supervisortest helps to test actors: a probe that shows what an actor is sent, and the list of actors that
// are still there when none should be.
package supervisortest

import (
	"sort"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Probe is an actor that puts every user message it receives into C.
type Probe struct {
	PID *actor.PID
	C   chan any
}

// NewProbe spawns a probe; the test stops it with Stop. C holds 10,000 messages: a test that sends more must read them
// meanwhile, or the probe fails.
func NewProbe(system *actor.ActorSystem) *Probe {
	p := &Probe{C: make(chan any, 10_000)}
	p.PID = system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch msg := ctx.Message().(type) {
		case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
		default:
			select {
			case p.C <- msg:
			default:
				panic("supervisortest: nobody reads the probe")
			}
		}
	}))
	return p
}

// Stop ends the probe.
func (p *Probe) Stop(system *actor.ActorSystem) { system.Root.Stop(p.PID) }

// Live returns the names of the actors of a system, sorted. What the library itself registers is left out. An idle
// actor has no goroutine: checks for leaked goroutines do not see it.
func Live(system *actor.ActorSystem) []string {
	names := []string{}
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, name := range bucket.Keys() {
			switch {
			case name == "deadletter", name == "eventstream", strings.HasPrefix(name, "guardian$"), strings.HasPrefix(name, "future$"):
			default:
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}
