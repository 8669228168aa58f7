package command

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
)

// sandbox has the machines of the sandbox nodes until it is told to end.
func (r *runner) sandbox(c *cli.Context) error {
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	return daemon.RunSandbox(ctx, daemon.Config{
		Snapshot: snapshot, Version: r.Version, Log: r.Stderr, Debug: c.Bool("debug"),
		Ready: func() { fmt.Fprintf(r.Stdout, "sandbox machines ready, pid %d\n", os.Getpid()) },
	})
}

const sandboxHelp = `Has the machines of the nodes with power = sandbox until Ctrl-C, and logs to standard error; with --debug every boot and
what the power is told, too. A daemon that starts meanwhile on the same configuration uses them instead of machines of its own: it may be
killed and started again, while the machines, and the agents on them, go on. It starts before the daemon, because their disks are of one
process at a time.

EXAMPLES:
   kadeploy-server sandbox -d testdata/demo &
   kadeploy-server start -d testdata/demo`
