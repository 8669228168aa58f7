package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// gatherTime is how long a command that touches several nodes waits for all of them to ask for it.
const gatherTime = 5 * time.Second

// gathering are the requests of one operation for one command of a group, until every node of the group has asked.
type gathering struct {
	nodes    []*config.Node
	requests map[string]powerRequest // by node
	timer    uint64
}

// gatherKey tells gatherings apart.
type gatherKey struct {
	operation string
	op        power.Op
	level     power.Level
	nodes     string
}

// groupOf finds the nodes that the command of a level touches; nil when it touches the request's alone. It is an error when one
// of them is not in the operation: it would go down with the others (Kadeploy3 1.7).
func groupOf(m powerRequest, level power.Level) ([]*config.Node, error) {
	command := m.node.Commands[power.Key(m.op, level)]
	if command.Group == "" || m.op == power.OpStatus || driverOf(m.node, m.op, level) != "command" {
		return nil, nil
	}
	names, err := power.FindGroup(command.Group, target(m.node))
	if err != nil {
		return nil, err
	}
	var nodes []*config.Node
	var strangers []string
	for _, name := range names {
		if n := m.job.nodeNamed(name); n != nil {
			nodes = append(nodes, n)
		} else {
			strangers = append(strangers, name)
		}
	}
	if len(strangers) > 0 {
		return nil, fmt.Errorf("the command touches %s, too, not in this operation", nodeset.Fold(strangers))
	}
	return nodes, nil
}

// nodeNamed finds a node of the operation by its full or short name; a nil job has none.
func (j *job) nodeNamed(name string) *config.Node {
	if j == nil {
		return nil
	}
	if t := j.nodes[name]; t != nil {
		return t.node
	}
	for _, host := range j.order {
		if n := j.nodes[host].node; n.ShortName() == name {
			return n
		}
	}
	return nil
}

// gather keeps a request until the whole group has asked for the same, and then has the command run once. Nodes that do not
// ask may be at work: they are not cut off by what others need.
func (r *reboot) gather(ctx actor.Context, m powerRequest, nodes []*config.Node) {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	key := gatherKey{m.job.id, m.op, m.level, strings.Join(names, ",")}
	g := r.gathering[key]
	if g == nil {
		g = &gathering{nodes: nodes, requests: make(map[string]powerRequest)}
		g.timer = r.timers.After(ctx, gatherTime, key)
		r.gathering[key] = g
	}
	g.requests[m.node.Name] = m
	if len(g.missing()) > 0 {
		return
	}
	r.timers.Stop(g.timer)
	delete(r.gathering, key)
	together := powerRequest{node: nodes[0], op: m.op, level: m.level, job: m.job}
	together.ctx, together.end = context.WithCancelCause(context.Background())
	for _, n := range nodes {
		one := g.requests[n.Name]
		together.group = append(together.group, one)
		context.AfterFunc(one.ctx, func() { together.end(fmt.Errorf("%s does not take part any more", one.node.Name)) })
	}
	r.enqueue(ctx, together)
}

// missing are the nodes that have not asked, or whose asker is gone.
func (g *gathering) missing() (names []string) {
	for _, n := range g.nodes {
		if m, asked := g.requests[n.Name]; !asked || m.ctx.Err() != nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// ungathered is the end of waiting for a group that is not whole.
func (r *reboot) ungathered(ctx actor.Context, key gatherKey) {
	g := r.gathering[key]
	if g == nil {
		return
	}
	missing := g.missing()
	delete(r.gathering, key)
	r.failGroup(ctx, slices.SortedFunc(maps.Values(g.requests), byNode), fmt.Errorf(
		"the command touches %s, too, which did not need it within %s", nodeset.Fold(missing), gatherTime))
}

func byNode(x, y powerRequest) int { return cmp.Compare(x.node.Name, y.node.Name) }

// performGroup runs the command of a group.
func performGroup(ctx context.Context, drivers map[string]power.Driver, m powerRequest, limit time.Duration) error {
	driver, able := drivers["command"].(power.GroupDriver)
	if !able {
		return errors.New("no power driver for groups of nodes")
	}
	if m.op == power.OpOff && m.level == power.Soft {
		for _, one := range m.group {
			limit = max(limit, one.node.Control.ShutdownTime)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	var targets []power.Target
	for _, one := range m.group {
		targets = append(targets, target(one.node))
	}
	err := driver.DoGroup(ctx, targets, m.op, m.level)
	if err != nil && m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	return err
}

// groupDone answers all who asked for the command of a group, or has the next level tried for each.
func (r *reboot) groupDone(ctx actor.Context, m powerRequest, done supervisor.TaskDone) {
	m.end(nil)
	err, _ := done.Value.(error)
	if done.Panic != nil {
		err = fmt.Errorf("power driver of %s: %w", m.node.Name, done.Panic)
	}
	if err != nil {
		r.failGroup(ctx, m.group, err)
		return
	}
	for _, one := range m.group {
		r.answer(one, powerResult{level: m.level, notes: one.notes})
	}
}

// failGroup goes on with the next level of each request, when there is one.
func (r *reboot) failGroup(ctx actor.Context, requests []powerRequest, err error) {
	for _, m := range requests {
		m.notes = append(m.notes, m.failed(m.level, err))
		harder := power.Escalate(m.level)[1:]
		if len(harder) == 0 {
			r.answer(m, powerResult{notes: m.notes, err: errors.New(m.notes[len(m.notes)-1])})
			continue
		}
		m.level = harder[0]
		r.enqueue(ctx, m)
	}
}
