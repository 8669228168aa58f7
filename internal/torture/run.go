package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Config is what runs need.
type Config struct {
	Agent string // path of kadeploy-agent
	Race  string // path of one with the race detector, for scenarios that ask for it
	Self  string // path of the program that has the helpers: Help is its business
	Dir   string // a directory of the run's own; everything it leaves is in there
	Lab   bool   // hosts are network namespaces
}

// run is a scenario under way.
type run struct {
	*Scenario
	cfg   Config
	id    string
	dir   string
	image string
	stage stage
	zero  time.Time // the sender's first start
	load  float64

	mu         sync.Mutex
	transcript *os.File
	receivers  []*receiver
	helpers    []*program
	strikes    []Strike
	stop       func() // ends what still waits to strike
	sender     *head
	acts       sync.WaitGroup // faults under way
	reached    *progress
}

// Run acts a scenario out. The error is of what kept it from being acted; what the tool did wrong is for Judge to say.
func Run(ctx context.Context, s *Scenario, cfg Config) (*Outcome, error) {
	r := &run{Scenario: s, cfg: cfg, id: strconv.FormatUint(rand.Uint64(), 36), dir: cfg.Dir, zero: time.Now()}
	var err error
	if r.transcript, err = os.Create(filepath.Join(r.dir, "transcript")); err != nil {
		return nil, err
	}
	defer r.transcript.Close()
	fmt.Fprint(r.transcript, s)
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.clear())
	}
	o, err := r.act(ctx)
	return o, errors.Join(err, r.clear())
}

// log adds a line to the transcript.
func (r *run) log(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.transcript, "%8.3f  %s\n", time.Since(r.zero).Seconds(), fmt.Sprintf(format, args...))
}

// prepare makes the image, the key and the stage.
func (r *run) prepare() error {
	r.image = filepath.Join(r.dir, "image")
	f, err := os.Create(r.image)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{byte(r.Seed), byte(r.Seed >> 8), byte(r.Seed >> 16), 1}), r.Size); err != nil {
		return err
	}
	if err := os.WriteFile(r.key(), []byte(fmt.Sprintf("%064x\n", r.Seed)), 0o600); err != nil {
		return err
	}
	if r.stage = newLoopback(); r.cfg.Lab {
		if r.stage, err = newLaboratory(len(r.Receivers), r.Links); err != nil {
			return err
		}
	}
	for i := range r.Receivers {
		one, err := r.newReceiver(i)
		if err != nil {
			return err
		}
		r.receivers = append(r.receivers, one)
	}
	r.sender = newHead(r)
	return nil
}

// clear takes away what is not worth keeping after a run, whatever came of it.
func (r *run) clear() error {
	var err error
	for _, one := range r.receivers {
		err = errors.Join(err, one.disk.close())
	}
	if r.stage != nil {
		err = errors.Join(err, r.stage.close())
	}
	return err
}

// act starts everybody, lets the faults strike, and waits for all ends.
func (r *run) act(outer context.Context) (*Outcome, error) {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	r.stop, r.load = cancel, strain()
	r.reached = follow(ctx, r.receivers)
	steps := []func(context.Context) error{r.startReceivers, r.startSender}
	if r.Impatient {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	for _, f := range r.Faults {
		if traits[f.Kind].strikes {
			r.acts.Go(func() { r.strike(ctx, f) })
		}
	}
	o := r.gather(outer)
	return o, outer.Err()
}

func (r *run) startSender(context.Context) error {
	r.mu.Lock()
	r.zero = time.Now()
	r.mu.Unlock()
	return r.sender.start()
}

// startReceivers starts those that are there in time.
func (r *run) startReceivers(ctx context.Context) error {
	for i, one := range r.receivers {
		if _, late := r.has(i, Late); late {
			continue
		}
		if err := one.start(); err != nil {
			return err
		}
	}
	for i, one := range r.receivers {
		if _, late := r.has(i, Late); late || r.Impatient {
			continue
		}
		for p := one.current(); !p.says("listening on") && !p.over(); {
			if !pause(ctx, 5*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return nil
}

func (r *run) key() string { return filepath.Join(r.dir, "key") }

func (r *run) agent() string {
	if r.Race {
		return r.cfg.Race
	}
	return r.cfg.Agent
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
