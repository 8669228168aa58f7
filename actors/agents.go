package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/supervisor"
)

// agents owns the listener that node agents call. A node is expected with the token of its next boot; the agent that shows it
// becomes the node's only session, and the token is worth nothing afterwards.
type agents struct {
	listen string
	log    *slog.Logger
	server *agentlink.Server
	end    context.CancelFunc // of the admissions under way: the server's end waits for them
	nodes  map[string]*agentOf
}

// newAgents makes an incarnation. The tokens of the boots under way are the tree's, so that machines that boot while the
// actor is restarted are not refused.
func newAgents(listen string, nodes map[string]*agentOf, log *slog.Logger) *agents {
	return &agents{listen: listen, log: log, nodes: nodes}
}

// agentOf is what is known of one node's agent.
type agentOf struct {
	token   string // "" once it was used
	session *agentlink.Session
	waiting []waitAgent
}

func (a *agents) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := a.open(ctx); err != nil {
			supervisor.StartFailed(ctx, err)
			return
		}
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		if a.server != nil {
			a.end()
			a.server.Close()
		}
	case expectAgent:
		a.expect(m)
		m.reply <- nil
	case admitAgent:
		m.reply <- a.admit(m)
	case agentJoined:
		a.joined(m.session)
	case agentLeft:
		a.left(m)
	case waitAgent:
		a.wait(m)
	}
}

func (a *agents) open(ctx actor.Context) (err error) {
	for _, n := range a.nodes { // the sessions ended with the listener of the incarnation before
		n.session, n.waiting = nil, nil
	}
	system, self := ctx.ActorSystem(), ctx.Self()
	life, end := context.WithCancel(context.Background())
	a.end = end
	a.server, err = agentlink.Start(agentlink.Config{
		Listen: a.listen,
		Log:    a.log,
		Admit: func(node, token string) error {
			return do(life, system, agentsName, func(reply chan<- error) any { return admitAgent{node, token, reply} })
		},
		Joined: func(s *agentlink.Session) { system.Root.Send(self, agentJoined{s}) },
		Left:   func(s *agentlink.Session, err error) { system.Root.Send(self, agentLeft{s, err}) },
	})
	return err
}

// expect prepares for a new boot: an agent of an earlier one is of no use any more, even while its stream lingers.
func (a *agents) expect(m expectAgent) {
	n := a.of(m.node)
	n.token = m.token
	if n.session != nil {
		n.session.Close()
		n.session = nil
	}
}

func (a *agents) admit(m admitAgent) error {
	n := a.nodes[m.node]
	if n == nil || n.token == "" || m.token != n.token {
		a.log.Warn("agent refused: its token is not that of the node's present boot", "node", m.node)
		return errors.New("this boot is not expected: the token is unknown or was used")
	}
	n.token = ""
	return nil
}

func (a *agents) joined(s *agentlink.Session) {
	n := a.of(s.Node())
	if n.token != "" { // a newer boot was ordered between its admission and now
		s.Close()
		return
	}
	n.session = s
	for _, w := range n.waiting {
		w.reply <- s
	}
	n.waiting = nil
}

func (a *agents) left(m agentLeft) {
	if n := a.nodes[m.session.Node()]; n != nil && n.session == m.session {
		n.session = nil
		a.log.Info("agent left", "node", m.session.Node(), "reason", m.err)
	}
}

func (a *agents) wait(m waitAgent) {
	n := a.of(m.node)
	if n.session != nil {
		m.reply <- n.session
		return
	}
	living := n.waiting[:0]
	for _, w := range n.waiting {
		if w.ctx.Err() == nil {
			living = append(living, w)
		}
	}
	n.waiting = append(living, m)
}

func (a *agents) of(node string) *agentOf {
	n := a.nodes[node]
	if n == nil {
		n = &agentOf{}
		a.nodes[node] = n
	}
	return n
}

// present is how long an agent that should be there is waited for: the agents actor may just be restarting.
const present = time.Second

// agentFor returns the live session of a node; it waits for it as long as wait says.
func agentFor(ctx context.Context, system *actor.ActorSystem, node string, wait time.Duration) (*agentlink.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	s, err := ask(ctx, system, agentsName, func(reply chan<- *agentlink.Session) any { return waitAgent{ctx, node, reply} })
	if err != nil {
		return nil, fmt.Errorf("%w: no agent of %s has called", agentlink.ErrLost, node)
	}
	return s, nil
}
