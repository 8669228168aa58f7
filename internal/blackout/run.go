package blackout

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

// Config of a run.
type Config struct {
	Server   string // the program kadeploy-server, beside kadeploy-agent
	Dir      string // of this run; made
	Database string // "": the default of the daemon
	Full     bool   // the database has a file system of its own, which is full at times

	Postgres *pgtest.Server // Database is in it: it crashes, too; nil: it is not
}

// endTimeout is what the operations have to end, once nobody kills any more.
const endTimeout = 2 * time.Minute

// Run plays a scenario. The error is about what the run needs, not about what the daemon did.
func Run(ctx context.Context, cfg Config, s Scenario) (*Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, endTimeout+time.Minute)
	defer cancel()
	trouble, err := cfg.trouble()
	if err != nil {
		return nil, err
	}
	defer trouble.close()
	images, err := newWeb(host(s.Seed, 251), cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer images.close()
	if err := layOut(cfg.Dir, s, cfg.Database); err != nil {
		return nil, err
	}
	snapshot, problems := config.Load(cfg.Dir)
	if problems.HasErrors() {
		return nil, problems
	}
	r := &run{Scenario: s, dir: cfg.Dir, global: &snapshot.Global, calm: trouble == peace{}, witness: newWitness()}
	if s.Apart {
		machines, err := newProcess(cfg.Dir, machinesLog, cfg.Server, "sandbox", "--debug", "-d", cfg.Dir)
		if err != nil {
			return nil, err
		}
		defer machines.log.Close()
		if err := machines.start(); err != nil {
			return nil, err
		}
		defer machines.kill()
		if err := machines.serving(ctx, filepath.Join(snapshot.Global.StateDir, "disks", ".socket")); err != nil {
			return nil, err
		}
	}
	if r.daemon, err = newProcess(cfg.Dir, "daemon.log", cfg.Server, "start", "--foreground", "-d", cfg.Dir); err != nil {
		return nil, err
	}
	defer r.daemon.log.Close()
	if err := r.daemon.start(); err != nil {
		return nil, err
	}
	defer func() { r.daemon.kill() }()
	if err := r.daemon.serving(ctx, snapshot.Global.LocalSocket); err != nil {
		return nil, err
	}
	if r.client, err = dial(ctx, snapshot.Global); err != nil {
		return nil, err
	}
	defer r.client.Close()
	if err := r.fill(ctx, images); err != nil {
		return nil, err
	}
	return r.play(ctx, trouble)
}

// dial waits until the daemon serves: its port comes after its socket.
func dial(ctx context.Context, g config.Global) (*client.Client, error) {
	for {
		c, err := client.Dial(ctx, client.Config{Server: g.Server, Identity: client.Local(g.LocalSocket), Silence: 500 * time.Millisecond, Outage: endTimeout})
		if !errors.Is(err, client.ErrNoServer) || !pause(ctx, 20*time.Millisecond) {
			return c, err
		}
	}
}

// play has users ask while the daemon is killed again and again.
func (r *run) play(ctx context.Context, trouble trouble) (*Outcome, error) {
	var users sync.WaitGroup
	users.Go(func() { r.ask(ctx, &users) })
	healthy := haunted(ctx, trouble, r.Seed)
	defer healthy()
	for _, after := range r.Kills {
		pause(ctx, after)
		if err := r.die(); err != nil {
			return nil, err
		}
		if err := r.daemon.start(); err != nil {
			return nil, err
		}
	}
	if err := healthy(); err != nil {
		return nil, err
	}
	if err := r.daemon.again(ctx); err != nil {
		return nil, err
	}
	users.Wait()
	return r.settle(ctx)
}

// machinesLog is the file that the machines' process logs to.
const machinesLog = "machines.log"

// run is a scenario being played.
type run struct {
	Scenario
	client  *client.Client
	daemon  *process
	global  *config.Global
	dir     string
	calm    bool // the database has no trouble
	witness witness
	refused int // requests, each with a reason
	unheard int // requests that nobody answered

	fetched map[string]bool // digests of the files that are fetched
	shelves []shelf         // of the image cache, at each death
}

// die kills the daemon, and looks at the image cache that it leaves.
func (r *run) die() error {
	r.daemon.kill()
	return r.look()
}

func (r *run) look() error {
	s, wrong, err := readShelf(r.global.ImageCache)
	for _, w := range wrong {
		r.witness.blame("%s", w)
	}
	s.seen = time.Now()
	r.shelves = append(r.shelves, s)
	return err
}

// fill puts the environments into the catalogue whose files are fetched.
func (r *run) fill(ctx context.Context, from *web) error {
	r.fetched = from.digests
	for n := 1; n <= fetchedImages; n++ {
		_, err := r.client.EnvAdd(ctx, &message.EnvAdd{Environment: []byte(from.environment(n)), EnvironmentPath: filepath.Join(r.dir, fetched(n)+".env")})
		if err != nil {
			return err
		}
	}
	return nil
}
