package actors

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Bounds of the events that are looked at for where the nodes stand.
const (
	standingEvents = 200_000
	standingPage   = 5000
)

// standing is where the nodes of an operation under way stand, by its events: those that stand at one place are told at once.
// It is nothing when there are too many events to look at.
func (r reading) standing(ctx context.Context, id string) ([]*message.Standing, error) {
	s := make(standings)
	for from := uint64(1); from < standingEvents; from += standingPage {
		page, err := r.archive.Events(ctx, id, from, standingPage)
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			e := &message.Event{}
			if err := proto.Unmarshal(row.Fact, e); err != nil {
				return nil, err
			}
			s.see(e)
		}
		if len(page) < standingPage {
			return s.told(), nil
		}
	}
	return nil, nil
}

// standingAt is a phase, and a state in it.
type standingAt struct {
	phase message.NodePhase
	state string
}

// standings are the places of nodes, by name.
type standings map[string]standingAt

// see takes the next event.
func (s standings) see(e *message.Event) {
	for _, n := range e.GetStarted().GetNodes() {
		if _, known := s[n.GetName()]; !known {
			s[n.GetName()] = standingAt{}
		}
	}
	if n := e.GetNode(); n != nil {
		at := standingAt{phase: n.GetPhase()}
		if at.phase != message.NodePhase_OK && at.phase != message.NodePhase_WAITING {
			at.state = strings.Trim(strings.Join([]string{n.GetMacro(), n.GetInstance(), n.GetMicro()}, "/"), "/")
		}
		s[n.GetNode()] = at
	}
}

func (s standings) told() []*message.Standing {
	nodes := make(map[standingAt][]string)
	for name, at := range s {
		nodes[at] = append(nodes[at], name)
	}
	var all []*message.Standing
	for at, names := range nodes {
		slices.Sort(names)
		all = append(all, &message.Standing{Phase: at.phase, State: at.state, Nodes: nodeset.Fold(names)})
	}
	slices.SortFunc(all, func(a, b *message.Standing) int {
		return cmp.Or(cmp.Compare(a.GetPhase(), b.GetPhase()), cmp.Compare(a.GetState(), b.GetState()))
	})
	return all
}
