package actors

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/probe"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/pxe"
)

// switchPXE writes the node's boot profile. A profile of the deployment system carries the token of the next boot.
func (w *walker) switchPXE(ctx context.Context, boot workflow.Boot) error {
	var profile pxe.Profile
	w.boot = nil
	if boot == workflow.BootDeploy || boot == workflow.BootNFSRoot {
		next, err := w.expect(ctx, newToken(), false)
		if err != nil {
			return err
		}
		if profile, err = w.job.deployProfile(w.target, boot, next.home, next.token); err != nil {
			return err
		}
		w.boot, w.token = next.boot(), next.token
	} else {
		var err error
		if profile, err = w.job.userProfile(w.target, w.root); err != nil {
			return err
		}
	}
	return do(ctx, w.system, netbootName, func(reply chan<- error) any {
		return setProfile{ctx, w.target.node, profile, reply}
	})
}

// awaited is an agent that is to call.
type awaited struct {
	home  expected
	token string
	until time.Time
}

// boot is what is written down of it.
func (a awaited) boot() *agentlink.Expected {
	return &agentlink.Expected{Token: agentlink.TokenDigest(a.token), Until: a.until}
}

// expect announces the next boot of the node. beside leaves the agent of the present one to the caller, who must close its session.
func (w *walker) expect(ctx context.Context, token string, beside bool) (awaited, error) {
	next := awaited{token: token, until: time.Now().Add(cmp.Or(w.attempt.Timeout, longestBoot))}
	home, err := ask(ctx, w.system, agentsName, func(reply chan<- expected) any {
		return expectAgent{w.target.node, next.token, next.until, beside, reply}
	})
	next.home = home
	return next, errors.Join(err, home.err)
}

// longestBoot is how long a token is good where a try may take any time.
const longestBoot = 30 * time.Minute

func newToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// hold remembers the system that runs before a reboot whose end is seen by ports: one that has not gone down yet must not be
// taken for the new one.
func (w *walker) hold(ctx context.Context) {
	if w.attempt.Macro != workflow.SetDeploymentEnv { // there the agent's call is the proof
		w.before.Release()
		w.before = probe.Hold(ctx, w.target.node.Addr, w.target.node.SSHPort)
	}
}

// power has something done to the node's power. A boot of the deployment system, whose agent is expected, is one from the network.
func (w *walker) power(ctx context.Context, op power.Op, level workflow.Level) error {
	result, err := ask(ctx, w.system, rebootName, func(reply chan<- powerResult) any {
		return powerRequest{ctx: ctx, node: w.target.node, op: op, level: power.Level(level), network: w.bootsDeploymentSystem(), reply: reply, job: w.job}
	})
	if err != nil {
		return err
	}
	return result.err
}

// bootsDeploymentSystem says whether the reboots of this attempt are for the deployment system.
func (w *walker) bootsDeploymentSystem() bool {
	return slices.ContainsFunc(w.attempt.Steps, func(s workflow.Step) bool { return s.Micro == workflow.WaitReboot && s.Boot == workflow.BootDeploy })
}

// waitReboot waits for the machine's own word. The deployment system's is its agent calling home with the token of this very
// boot, which no probe of ports could forge; the user's system is seen by its ports (Kadeploy3 1.5), and by its call, where it is to make one.
func (w *walker) waitReboot(ctx context.Context, boot workflow.Boot) error {
	n := w.target.node
	limit := n.TimeoutReboot
	if w.kexeced {
		limit = n.TimeoutRebootKexec
	}
	if boot == workflow.BootDeploy || boot == workflow.BootNFSRoot {
		session, err := agentFor(ctx, w.system, n.Name, limit)
		switch {
		case err == nil:
			w.tell(nodeJoined{w.incarnation, session.Certificate()})
			return w.inventory(ctx)
		case ctx.Err() == nil:
			return fmt.Errorf("the deployment system did not call within %s after the reboot", limit)
		}
		return context.Cause(ctx)
	}
	if err := w.expectCall(ctx); err != nil {
		return err
	}
	var other error // than the deployed system runs
	err := probe.Wait(ctx, probe.WaitConfig{
		FirstProbe: n.FirstProbe, Interval: w.job.interval, Timeout: limit,
	}, func(ctx context.Context) (bool, string) {
		if other = w.listen(); other != nil {
			return true, ""
		}
		if !w.before.Gone() {
			return false, "the system that was to go down still runs"
		}
		if up, why := probe.UserSystem(ctx, n.Addr, n.SSHPort, n.MarkerPort); !up {
			return false, why
		}
		why := w.unconfirmed()
		return why == "", why
	})
	if err == nil {
		err = other
	}
	return err
}
