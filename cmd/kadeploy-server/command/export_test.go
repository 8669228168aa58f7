package command

import (
	"time"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
)

// End stops a process that an instance was found to run.
func End(instance daemon.Instance, p *daemon.Process, timeout time.Duration) error {
	return end(instance, p, timeout, "DIR")
}
