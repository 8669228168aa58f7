package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/internal/netlab"
	"github.com/kadeploy/kadeploy/internal/torture"
)

// campaign is a number of runs.
type campaign struct {
	torture.Config
	seed           uint64
	runs, parallel int
	keep, verbose  bool
	first          bool // ends with the first that fails

	mu     sync.Mutex
	tally  torture.Tally
	failed []uint64
}

func parse(args []string) (*campaign, error) {
	c := &campaign{}
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	flags.StringVar(&c.Agent, "agent", "bin/kadeploy-agent", "the `PROGRAM`")
	flags.StringVar(&c.Race, "race", "", "the same `PROGRAM` with the race detector, for some of the runs")
	flags.Uint64Var(&c.seed, "seed", 1, "of the first run; the others follow")
	flags.IntVar(&c.runs, "runs", 1, "how many runs")
	flags.IntVar(&c.parallel, "parallel", 1, "so many at a time")
	flags.StringVar(&c.Dir, "dir", "", "`DIRECTORY` for what is kept of runs (default: a new one in $TMPDIR or /tmp)")
	flags.BoolVar(&c.keep, "keep", false, "keep the files of good runs, too")
	flags.BoolVar(&c.verbose, "v", false, "show the scenario of every run")
	flags.BoolVar(&c.first, "first", false, "end with the first run that fails")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || c.runs < 1 || c.parallel < 1 {
		return nil, errors.New("want flags only, and at least one run at a time: see -help")
	}
	return c, c.prepare()
}

// prepare finds out what can be done here.
func (c *campaign) prepare() (err error) {
	if c.Self, err = os.Executable(); err != nil {
		return err
	}
	for _, path := range []*string{&c.Agent, &c.Race} {
		if *path == "" {
			continue
		}
		if _, err := os.Stat(*path); err != nil {
			return fmt.Errorf("%w: make build", err)
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := netlab.Check(); err != nil {
		fmt.Printf("hosts are addresses of the loopback, links are neither cut nor limited: %v\n", err)
	} else {
		c.Lab = true
	}
	if c.Dir == "" {
		c.Dir, err = os.MkdirTemp("", "torture-*")
		return err
	}
	if err = os.MkdirAll(c.Dir, 0o700); err == nil {
		c.Dir, err = filepath.Abs(c.Dir)
	}
	return err
}

// all does the runs and sums up.
func (c *campaign) all(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	for range c.parallel {
		wg.Go(func() {
			for seed := range seeds {
				if !c.one(ctx, seed) && c.first {
					stop()
				}
			}
		})
	}
	for i := range c.runs {
		select {
		case seeds <- c.seed + uint64(i):
		case <-ctx.Done():
		}
	}
	close(seeds)
	wg.Wait()
	os.Remove(c.Dir) // when it is empty
	fmt.Print("\n", c.tally.String())
	if len(c.failed) > 0 {
		return fmt.Errorf("failed with seeds %v: their files are in %s", c.failed, c.Dir)
	}
	return context.Cause(ctx)
}

// one does a run. It reports whether all was right.
func (c *campaign) one(ctx context.Context, seed uint64) bool {
	s := torture.New(seed, torture.Means{Cables: c.Lab, Race: c.Race != ""})
	cfg := c.Config
	cfg.Dir = filepath.Join(c.Dir, fmt.Sprint(seed))
	begin := time.Now()
	err := os.Mkdir(cfg.Dir, 0o700)
	var o *torture.Outcome
	var wrong []string
	if err == nil {
		if o, err = torture.Run(ctx, s, cfg); err == nil {
			wrong = torture.Judge(s, o)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		os.RemoveAll(cfg.Dir)
		return false
	case err != nil:
		fmt.Printf("seed %d could not be run: %v\n", seed, err)
		c.failed = append(c.failed, seed)
		return false
	}
	c.tally.Add(s, o, wrong)
	c.tell(s, o, wrong, cfg.Dir, time.Since(begin))
	if len(wrong) > 0 {
		c.failed = append(c.failed, seed)
		return false
	}
	if !c.keep {
		os.RemoveAll(cfg.Dir)
	}
	return true
}

// tell shows a run: a line when all was right, everything when not.
func (c *campaign) tell(s *torture.Scenario, o *torture.Outcome, wrong []string, dir string, took time.Duration) {
	if c.verbose || len(wrong) > 0 {
		fmt.Printf("\n%s", s)
	}
	verdict := "ok"
	if len(wrong) > 0 {
		verdict = "FAILED"
	}
	fmt.Printf("%s: %s\n", s.Line(), fmt.Sprintf("%s, %v, strain %.1f", verdict, took.Round(time.Second/10), o.Strain))
	for _, line := range wrong {
		fmt.Printf("  ! %s\n", line)
	}
	if len(wrong) == 0 {
		return
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.stderr"))
	for _, name := range append([]string{filepath.Join(dir, "transcript"), filepath.Join(dir, "report")}, names...) {
		text, _ := os.ReadFile(name)
		fmt.Printf("--- %s\n%s", name, text)
	}
	again := []string{c.Self, "-agent", c.Agent}
	if c.Race != "" {
		again = append(again, "-race", c.Race)
	}
	fmt.Printf("--- again: %s -seed %d\n\n", strings.Join(again, " "), s.Seed)
}
