package daemon

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

// The states of sd_notify(3).
const (
	ready    = daemon.SdNotifyReady
	stopping = daemon.SdNotifyStopping
	alive    = daemon.SdNotifyWatchdog
)

// reloading carries the time, as Type=notify-reload wants it.
func reloading() string { return daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() }

// notify tells systemd, if there is one. Nothing is to be done when it does not hear.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// watchdog tells systemd that the daemon lives, twice in the interval it gave, as long as the tree answers a question that
// goes through it. Silence makes systemd kill and start the daemon again.
func (s *server) watchdog(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.answers(interval / 4); err != nil {
				s.log.Error("the tree does not answer: no word to the watchdog", "error", err)
				continue
			}
			notify(alive)
		}
	}
}

func (s *server) answers(patience time.Duration) error {
	api := actor.NewPID(s.system.Address(), client.APIName)
	_, err := s.system.Root.RequestFuture(api, &message.StatusRequest{ClientId: "watchdog"}, patience).Result()
	return err
}
