package workflow_test

import (
	"fmt"
	"reflect"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// watch holds a deployment to its promises, whatever events it is given.
type watch struct {
	settled map[string]bool // every host
	runs    map[string]int
	phases  map[workflow.Phase]int
	chain   bool // a Broadcast has not ended
	ended   bool
}

func newWatch(hosts []string) *watch {
	w := &watch{settled: make(map[string]bool), runs: make(map[string]int), phases: make(map[workflow.Phase]int)}
	for _, h := range hosts {
		w.settled[h] = false
	}
	return w
}

// see takes the actions that an event was answered with.
func (w *watch) see(ev workflow.Event, actions []workflow.Action) error {
	if _, over := ev.(workflow.ChainEnded); over {
		w.chain = false
	}
	for _, a := range actions {
		if w.ended {
			return fmt.Errorf("%#v after End", a)
		}
		if err := w.one(a); err != nil {
			return err
		}
	}
	if !w.ended {
		return onlyMoves(ev, actions)
	}
	return nil
}

// onlyMoves says whether the actions leave every node alone but the event's.
func onlyMoves(ev workflow.Event, actions []workflow.Action) error {
	host := reflect.ValueOf(ev).FieldByName("Host")
	for _, a := range actions {
		if moved, text := describe(a); moved != "" && (!host.IsValid() || host.String() != moved) {
			return fmt.Errorf("%#v made %s %s", ev, moved, text)
		}
	}
	return nil
}

func (w *watch) one(a workflow.Action) error {
	switch a := a.(type) {
	case workflow.Run:
		w.runs[a.Host]++
		if a.From < 0 || a.From > 0 && a.From >= len(a.Steps) || a.Try < 1 || a.Timeout < 0 {
			return fmt.Errorf("an attempt that cannot be run: %#v", a)
		}
		return w.alive(a.Host, a)
	case workflow.Retry:
		if a.Delay < 0 {
			return fmt.Errorf("a delay in the past: %#v", a)
		}
		return w.alive(a.Host, a)
	case workflow.Broadcast:
		if len(a.Hosts) == 0 || w.chain {
			return fmt.Errorf("a transfer to nobody or while another runs: %#v", a)
		}
		w.chain = true
		for _, h := range a.Hosts {
			if err := w.alive(h, a); err != nil {
				return err
			}
		}
	case workflow.Settled:
		if err := w.alive(a.Host, a); err != nil {
			return err
		}
		w.settled[a.Host] = true
		w.phases[a.Phase]++
	case workflow.End:
		w.ended = true
		for h, settled := range w.settled {
			if !settled {
				return fmt.Errorf("End while %s is not settled", h)
			}
		}
	}
	return nil
}

func (w *watch) alive(host string, a workflow.Action) error {
	settled, known := w.settled[host]
	if !known {
		return fmt.Errorf("%#v of a host that is not in the deployment", a)
	}
	if settled {
		return fmt.Errorf("%#v of a settled host", a)
	}
	return nil
}
