package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/probe"
)

// calling is how long an agent takes to call again that can: it finds within 13 s that its connection broke, stops its order, and tries
// every three seconds.
const calling = 30 * time.Second

// awaitAgent waits for an agent whose connection broke, as long as agents call again; that is not of the try's time. It does not wait for
// one that has ended: the node refuses its marker port; nor for one that had the time to call, while the node could be reached.
func (w *walker) awaitAgent(parent context.Context, clock *clock) error {
	clock.hold()
	defer clock.resume()
	ctx, cancel := context.WithTimeout(parent, w.job.reconnect)
	defer cancel()
	n := w.target.node
	var near time.Time // since when the node answers; the zero Time: it does not
	for {
		if _, err := agentFor(ctx, w.system, n.Name, w.job.interval); err == nil {
			return nil
		}
		accepts, refuses := probe.Marker(ctx, n.Addr, n.MarkerPort)
		switch {
		case parent.Err() != nil:
			return context.Cause(parent)
		case ctx.Err() != nil:
			return fmt.Errorf("%w: it did not call again within %s", agentlink.ErrLost, w.job.reconnect)
		case refuses:
			return fmt.Errorf("%w: it has ended, marker port %d of %s is refused", agentlink.ErrLost, n.MarkerPort, n.Name)
		case !accepts:
			near = time.Time{}
		case near.IsZero():
			near = time.Now()
		case time.Since(near) > calling:
			return fmt.Errorf("%w: the node can be reached, and its agent did not call again within %s", agentlink.ErrLost, calling)
		}
	}
}
