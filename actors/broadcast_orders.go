package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

// guarded is receive with its panics as errors of the one member.
func (b *broadcast) guarded(ctx context.Context, p *place) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &supervisor.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return b.receive(ctx, p)
}

// receive orders one member to take its place and returns what its agent reports. When the connection to the agent breaks, the chain goes on
// without it: an agent that calls again, and has kept the order, is given it again, to tell what became of it.
func (b *broadcast) receive(ctx context.Context, p *place) error {
	order := &agentpb.Order{Step: string(workflow.SendEnvironment), Keep: p.keep, Kind: &agentpb.Order_Receive{Receive: b.order(p.node)}}
	for session := p.session; ; {
		result, err := session.Do(ctx, order, func(said *agentpb.Progress) { b.said(p, said) })
		if !errors.Is(err, agentlink.ErrAway) || ctx.Err() != nil || p.keep == nil {
			p.unrestored = result.GetUnrestored()
			return b.verdict(result, err)
		}
		if session, err = b.again(ctx, p, err); err != nil {
			return err
		}
	}
}

// order is that of one member.
func (b *broadcast) order(n *config.Node) *agentpb.Receive {
	r := b.job.receive(n)
	r.Transfer, r.Key, r.Tls = b.transfer[:], b.key[:], b.tls
	return r
}

// again is the new session of an agent that has kept its order. An agent that has not, or whose order nobody fed any more, is away as before: its
// node begins with its disk. One that has failed to carry it out has failed.
func (b *broadcast) again(ctx context.Context, p *place, away error) (*agentlink.Session, error) {
	session, err := calledAgain(ctx, b.system, b.job, p.node)
	switch {
	case ctx.Err() != nil: // the chain has given the node up meanwhile; its agent may have kept what came before
		return nil, fmt.Errorf("%w; %w", away, context.Cause(ctx))
	case err != nil:
		return nil, err
	}
	switch kept := session.Kept(); {
	case !b.isOf(kept, p):
		return nil, away
	case kept.GetForsaken():
		return nil, fmt.Errorf("%w; meanwhile it failed: %s", away, line(kept.GetError()))
	case kept.GetError() != "":
		return nil, failedAway(kept.GetError())
	}
	return session, nil
}

// isOf says whether what an agent has kept is its order of this broadcast.
func (b *broadcast) isOf(kept *agentpb.Kept, p *place) bool {
	return bytes.Equal(kept.GetName(), p.keep) && bytes.Equal(kept.GetTransfer(), b.transfer[:]) && bytes.Equal(kept.GetKey(), b.key[:])
}

// said takes what a member's agent says before the result.
func (b *broadcast) said(p *place, said *agentpb.Progress) {
	switch {
	case said.GetListening() != "":
		p.listens(said.GetListening())
		b.signal()
	case said.GetBytes() > 0:
		b.tell(chainProgress{p.host, int64(said.GetBytes())})
	}
}

// verdict is what the end of an order says of the member's image.
func (b *broadcast) verdict(result *agentpb.Result, err error) error {
	switch digest := b.job.image.Manifest.Digest(); {
	case err != nil:
		return err
	case !result.GetOk():
		return &orderError{result.GetError(), result.GetLogTail()}
	case string(result.GetDigest()) != string(digest[:]):
		return fmt.Errorf("the node wrote an image with digest %x, asked was %x", result.GetDigest(), digest)
	}
	return nil
}
