// Chainbench measures the chain beside what else brings an image to many machines: real processes, in network namespaces of
// this machine, all in one run. docs/benchmarks.md says what each row means.
//
// It exits 0 when it could measure, whatever the numbers are, 3 when it cannot run here, 1 when something is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// unfitError is a reason why nothing can be measured here.
type unfitError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	if ctx.Err() != nil { // whatever broke then broke for this reason
		err = context.Cause(ctx)
	}
	fmt.Fprintln(os.Stderr, "chainbench:", err)
	if errors.As(err, new(unfitError)) {
		os.Exit(3)
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.list {
		list(o.scenarios())
		return nil
	}
	if err := netlab.Check(); err != nil {
		return unfitError{err}
	}
	if _, err := os.Stat(o.agent); err != nil {
		return unfitError{fmt.Errorf("%w: `make build` builds it, -agent names another", err)}
	}
	b, err := open(o)
	if err != nil {
		return err
	}
	defer b.close()
	return b.run(ctx, o.scenarios())
}

func list(scenarios []scenario) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	for _, s := range scenarios {
		fmt.Fprintf(t, "%s\t%s\n", s.id, s.title)
	}
	t.Flush()
}
