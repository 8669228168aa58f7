package actors

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/supervisor"
)

// ConsoleSource is where the console of a machine comes from. With force, whoever has it without this server loses it.
type ConsoleSource func(target power.Target, force bool) console.Source

// consoles lets users to the consoles of nodes, for which any right to the node is enough (Kadeploy3 1.9), and has them ended
// when that is lost. The consoles themselves are the hub's, which outlives it. Looking at the rights and joining is one step
// of one goroutine, so that no loss is missed.
type consoles struct {
	hub     *console.Hub
	serial  map[string]ConsoleSource // by the name in a node's `power`
	inForce *snapshot
	ledger  *ledger
	log     *slog.Logger
}

func (c *consoles) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.lookAgain()
		supervisor.Ready(ctx)
	case openConsole:
		member, err := c.open(m)
		m.reply <- consoleOpened{member, err}
	case endOperations:
		c.revoke(m)
	}
}

func (c *consoles) open(m openConsole) (*console.Member, error) {
	r := m.request
	n, known := c.inForce.Load().Node(r.Node)
	if err := c.ledger.check(r.User, anyRight(r.Node)); err != nil {
		return nil, &console.RefusedError{Status: http.StatusForbidden, Text: line(err.Error())}
	}
	if !known {
		return nil, &console.RefusedError{Status: http.StatusNotFound, Text: line(fmt.Sprintf("unknown node %q: it is not in the server's nodes.conf (see kadeploy nodes)", r.Node))}
	}
	source, err := c.source(n, r.Force)
	if err != nil {
		return nil, &console.RefusedError{Status: http.StatusNotFound, Text: line(err.Error())}
	}
	member, err := c.hub.Join(m.ctx, r, source)
	if err == nil {
		c.log.Info("console", "node", r.Node, "user", r.User, "want", string(r.Want), "force", r.Force)
	}
	return member, err
}

// source is the site's own command where there is one, and what the node's power driver knows otherwise.
func (c *consoles) source(n *config.Node, force bool) (console.Source, error) {
	t := target(n)
	if command, configured := n.Commands["console"]; configured {
		if command.Group != "" {
			return console.Source{}, fmt.Errorf("cmd_console of %s is a command of a group of nodes: a console is one node's", n.Name)
		}
		argv, err := t.Argv(command)
		if err != nil {
			return console.Source{}, fmt.Errorf("cmd_console of %s: %w", n.Name, err)
		}
		return console.Command(argv), nil
	}
	if serial := c.serial[n.Power]; serial != nil {
		return serial(t, force), nil
	}
	return console.Source{}, fmt.Errorf("node %s has no console: set cmd_console, or power = ipmi", n.Name)
}

// revoke ends the consoles that a loss leaves without a right.
func (c *consoles) revoke(m endOperations) {
	c.hub.End(func(user, node string) string {
		if !m.mayConcern(user, func(lost string) bool { return lost == node }) || !m.gone && c.ledger.check(user, anyRight(node)) == nil {
			return ""
		}
		c.log.Info("console loses its right", "node", node, "user", user, "why", m.why)
		return m.why
	})
}

// lookAgain ends what was lost while there was no such actor.
func (c *consoles) lookAgain() {
	c.hub.End(func(user, node string) string {
		if err := c.ledger.check(user, anyRight(node)); err != nil {
			return line(err.Error())
		}
		return ""
	})
}

func anyRight(node string) []rights.Want {
	return []rights.Want{{Part: rights.AnyPart, Nodes: []string{node}}}
}

// OpenConsole makes a user a member of a node's console, until ctx ends, if he may be one. The error is mostly a
// *console.RefusedError.
func OpenConsole(ctx context.Context, system *actor.ActorSystem, r console.Request) (*console.Member, error) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	opened, err := ask(asking, system, consolesName, func(reply chan<- consoleOpened) any { return openConsole{ctx, r, reply} })
	if err != nil {
		return nil, err
	}
	return opened.member, opened.err
}
