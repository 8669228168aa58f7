package ipmi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/command/transport"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/kadeploy/kadeploy/internal/power"
)

const (
	// solInstance is the one serial console of a machine.
	solInstance = 1
	// solPoll is how often a controller is asked for what the machine has printed: what nobody asks for arrives no sooner.
	solPoll = 50 * time.Millisecond
	// awakeTime is how long an answer is waited for that keeps the session.
	awakeTime = time.Second / 2
)

// errConsoleTaken is a console that another session of the controller has.
var errConsoleTaken = errors.New("its console is open in another session, not of this server: close that, or take it over with --force")

// Console carries the serial console of a target (SOL, IPMI 2.0, 15) until ctx ends, for which there is no error, or the
// controller ends it. in must fail when ctx is over. With force, who has the console already loses it. The session is closed
// however that ends.
func (d *Driver) Console(ctx context.Context, target power.Target, force bool, in io.Reader, out io.Writer) error {
	err := d.Session(ctx, target, func(s *client.Client) error {
		if force {
			_ = deactivateSOL(ctx, s) // refused when there is nothing to take
		}
		if err := activateSOL(ctx, s); err != nil {
			return err
		}
		streaming, streamed := context.WithCancel(ctx)
		var awake sync.WaitGroup
		awake.Go(func() { d.keepAwake(streaming, s) })
		err := s.SOLStream(ctx, in, out, &client.SOLStreamOptions{PollInterval: solPoll})
		streamed()
		awake.Wait()
		if err == nil || ctx.Err() != nil { // otherwise it may be another's by now; what is ours ends with the session
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTime)
			defer cancel()
			_ = deactivateSOL(bye, s)
		}
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// keepAwake asks the controller something now and then: one that counts only commands as activity ends a session after a minute without,
// or half of that, whatever its console says. That it does not answer is for the stream to find out.
func (d *Driver) keepAwake(ctx context.Context, s *client.Client) {
	defer func() { _ = recover() }() // what a controller sends must not end the server
	for power.Pause(ctx, d.cfg.Alive) == nil {
		asking, asked := context.WithTimeout(ctx, awakeTime) // the stream waits meanwhile
		_, _ = s.GetDeviceID(asking)
		asked()
	}
}

// activateSOL asks for the console, encrypted as the session is (24.1).
func activateSOL(ctx context.Context, s *client.Client) error {
	_, err := s.ActivatePayload(ctx, &transport.ActivatePayloadRequest{
		PayloadType: types.PayloadTypeSOL, PayloadInstance: solInstance, EnableEncryption: true, EnableAuthentication: true,
	})
	refused, answered := types.IsResponseError(err)
	if !answered {
		return err
	}
	switch refused.CompletionCode() { // table 24-2
	case 0x80:
		return errConsoleTaken
	case 0x81:
		return errors.New("serial over LAN is disabled there: enable it (ipmitool sol set enabled true)")
	}
	return fmt.Errorf("serial over LAN: %w", err)
}

func deactivateSOL(ctx context.Context, s *client.Client) error {
	_, err := s.DeactivatePayload(ctx, &transport.DeactivatePayloadRequest{PayloadType: types.PayloadTypeSOL, PayloadInstance: solInstance})
	return err
}
