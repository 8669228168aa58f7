package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/probe"
)

// calling is how long an agent takes to call again that can: it finds within 13 s that its connection broke, stops its order, if that is
// none to be kept, and tries every three seconds.
const calling = 30 * time.Second

// awaitAgent waits for an agent whose connection broke, and takes what it has kept; that is not of the try's time. Where that has failed, and is
// no failure of this try, it is told why: the disk is prepared again, and nobody would learn what came of it before.
func (w *walker) awaitAgent(ctx context.Context, clock *clock) error {
	clock.hold()
	defer clock.resume()
	session, err := calledAgain(ctx, w.system, w.job, w.target.node)
	if err != nil {
		return err
	}
	kept := session.Kept()
	w.kept = w.keptBy(kept)
	if why := kept.GetError(); why != "" && w.kept == nil {
		w.tell(chainNote{fmt.Sprintf("%s has failed to receive the image before its agent called again: %s", w.host, line(why))})
	}
	return nil
}

// calledAgain waits for an agent whose connection broke, as long as agents call again. It does not wait for one that has ended: the node
// refuses its marker port; nor for one that had the time to call, while the node could be reached.
func calledAgain(parent context.Context, system *actor.ActorSystem, j *job, n *config.Node) (*agentlink.Session, error) {
	ctx, cancel := context.WithTimeout(parent, j.reconnect)
	defer cancel()
	var near time.Time // since when the node answers; the zero Time: it does not
	for {
		if session, err := agentFor(ctx, system, n.Name, j.interval); err == nil {
			return session, nil
		}
		accepts, refuses := probe.Marker(ctx, n.Addr, n.MarkerPort)
		switch {
		case parent.Err() != nil:
			return nil, context.Cause(parent)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: it did not call again within %s", agentlink.ErrLost, j.reconnect)
		case refuses:
			return nil, fmt.Errorf("%w: it has ended, marker port %d of %s is refused", agentlink.ErrLost, n.MarkerPort, n.Name)
		case !accepts:
			near = time.Time{}
		case near.IsZero():
			near = time.Now()
		case time.Since(near) > calling:
			return nil, fmt.Errorf("%w: the node can be reached, and its agent did not call again within %s", agentlink.ErrLost, calling)
		}
	}
}
