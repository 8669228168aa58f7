package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
)

// options are what the command line says.
type options struct {
	agent      string
	run, who   *regexp.Regexp
	times      int
	dir        string
	json       bool
	list, keep bool
}

// parse reads the arguments. The error is one line; it is flag.ErrHelp when help was asked for and has been printed.
func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("chainbench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.agent, "agent", "bin/kadeploy-agent", "the `program` that is measured")
	run := flags.String("run", "", "only the scenarios that match `REGEXP`; -list names them")
	who := flags.String("who", "", "only the contestants that match `REGEXP`")
	flags.IntVar(&o.times, "n", 3, "run each `N` times; the median is printed")
	flags.StringVar(&o.dir, "dir", "", "the hosts' files go below `DIRECTORY` (default: /dev/shm if that is memory, or else where temporary files are)")
	format := flags.String("output", "text", "`FORMAT` is text or json")
	flags.BoolVar(&o.list, "list", false, "name the scenarios")
	flags.BoolVar(&o.keep, "keep", false, "keep what the programs said, in *.log")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	}
	if err != nil {
		return o, err
	}
	if o.run, err = regexp.Compile(*run); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	if o.who, err = regexp.Compile(*who); err != nil {
		return o, fmt.Errorf("-who: %w", err)
	}
	o.json = *format == "json"
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q: only options are taken", flags.Arg(0))
	case o.times < 1:
		return o, fmt.Errorf("-n %d: want at least 1", o.times)
	case !o.json && *format != "text":
		return o, fmt.Errorf("-output %s: want text or json", *format)
	case len(o.scenarios()) == 0:
		return o, fmt.Errorf("-run %s: matches no scenario; -list names them", *run)
	}
	return o, nil
}

func (o options) scenarios() (some []scenario) {
	for _, s := range scenarios() {
		if o.run.MatchString(s.id) {
			some = append(some, s)
		}
	}
	return some
}
