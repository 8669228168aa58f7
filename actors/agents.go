package actors

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/supervisor"
)

// agents owns the listener that node agents call. A node is expected with the token of its next boot; the agent that shows it
// gets a certificate and becomes the node's only session, and the token is worth nothing afterwards. When its connection breaks it may call
// again with the certificate.
type agents struct {
	listen    string
	inForce   *snapshot
	authority *pki.Authority
	log       *slog.Logger
	server    *agentlink.Server
	boots     *agentlink.Boots
	nodes     map[string]*agentOf
}

// newAgents makes an incarnation. The boots under way are the tree's, so that machines that boot while the actor is restarted are
// not refused.
func newAgents(listen string, inForce *snapshot, authority *pki.Authority, boots *agentlink.Boots, log *slog.Logger) *agents {
	return &agents{listen: listen, inForce: inForce, authority: authority, log: log, boots: boots, nodes: make(map[string]*agentOf)}
}

// agentOf is what is known of one node's agent.
type agentOf struct {
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
			a.server.Close()
		}
	case expectAgent:
		m.reply <- a.expect(m)
	case forgetAgents:
		a.forget(m)
	case agentJoined:
		a.joined(m.session)
	case agentLeft:
		a.left(m)
	case waitAgent:
		a.wait(m)
	}
}

func (a *agents) open(ctx actor.Context) (err error) {
	system, self := ctx.ActorSystem(), ctx.Self()
	a.server, err = agentlink.Start(agentlink.Config{
		Listen: a.listen, Authority: a.authority, Boots: a.boots, Log: a.log,
		Reconnect: func() time.Duration { return a.inForce.Load().Global.AgentReconnect },
		Joined:    func(s *agentlink.Session) { system.Root.Send(self, agentJoined{s}) },
		Left:      func(s *agentlink.Session, err error) { system.Root.Send(self, agentLeft{s, err}) },
	})
	return err
}

// expect prepares for a new boot: an agent of an earlier one is of no use any more, even while its stream lingers, but to who is to have it
// start the new one.
func (a *agents) expect(m expectAgent) expected {
	address, err := a.server.AddrFor(m.node.Addr)
	if err != nil {
		return expected{err: err}
	}
	if err := a.boots.Expect(m.node.Name, m.token, m.until); err != nil {
		return expected{err: err}
	}
	if n := a.nodes[m.node.Name]; n != nil && m.beside {
		n.session = nil
	}
	a.hangUp(m.node.Name)
	return expected{server: address, pin: a.authority.Pin()}
}

// forget ends what an operation has left of its agents: it expects nothing of them any more.
func (a *agents) forget(m forgetAgents) {
	for _, node := range m.nodes {
		a.boots.Forget(node)
		a.hangUp(node)
	}
}

func (a *agents) hangUp(node string) {
	if n := a.nodes[node]; n != nil && n.session != nil {
		n.session.Close()
		n.session = nil
	}
}

func (a *agents) joined(s *agentlink.Session) {
	if !a.boots.Current(s.Node(), s.Boot()) { // another boot was ordered, or none is wanted any more, between its admission and now
		s.Close()
		return
	}
	n := a.of(s.Node())
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
	if n.session != nil && !over(n.session) {
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

// over says whether a session has ended, of which agentLeft tells soon.
func over(s *agentlink.Session) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
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
		return nil, fmt.Errorf("%w: no agent of %s has called", agentlink.ErrAway, node)
	}
	return s, nil
}
