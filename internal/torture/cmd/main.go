// Torture runs the chain tool with faults drawn from seeds, and judges what it did. It exits 0 when nothing was wrong.
//
//	go run ./internal/torture/cmd -agent bin/kadeploy-agent -seed 1 -runs 200
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "sink":
			return sink(args[1:])
		case "proxy":
			return proxy(args[1:])
		}
	}
	c, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return c.all(ctx)
}
