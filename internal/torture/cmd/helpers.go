package main

import (
	"flag"
	"os"

	"github.com/kadeploy/kadeploy/internal/torture"
)

// sink is a receiver's command.
func sink(args []string) error {
	var s torture.Sink
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	flags.StringVar(&s.Out, "o", "", "write to `FILE`")
	flags.Float64Var(&s.Rate, "rate", 0, "`BYTES` per second")
	flags.Int64Var(&s.StopAt, "stop-at", 0, "stop reading after `BYTES`")
	flags.DurationVar(&s.StopFor, "stop-for", 0, "for `TIME`")
	flags.Int64Var(&s.FullAt, "full-at", 0, "fail after `BYTES`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return s.Run(os.Stdin)
}

// proxy is a bad way to a receiver.
func proxy(args []string) error {
	var p torture.Proxy
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.StringVar(&p.Listen, "listen", "", "`ADDR:PORT` that is called")
	flags.StringVar(&p.To, "to", "", "`ADDR:PORT` of the receiver")
	flags.Uint64Var(&p.Seed, "seed", 0, "of the damage")
	flags.Float64Var(&p.Flips, "flips", 0, "`BITS` in a MiB")
	flags.Float64Var(&p.Break, "break", 0, "`MIB` that a connection lives")
	flags.Int64Var(&p.StallAt, "stall-at", 0, "let nothing through after `BYTES`")
	flags.DurationVar(&p.StallFor, "stall-for", 0, "for `TIME`")
	ways := flags.String("ways", "", "in, out or both")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p.In, p.Out = *ways != "out", *ways != "in"
	return p.Run(os.Stderr)
}
