package blackout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"
)

// trouble comes to the database at times, and goes again.
type trouble interface {
	come() error
	goAway() error
	close()
}

// trouble is what a run has beside the kills of its daemon.
func (cfg *Config) trouble() (trouble, error) {
	switch {
	case cfg.Full:
		d, err := newDisk(cfg.Dir)
		if err != nil {
			return nil, err
		}
		cfg.Database = "sqlite:" + filepath.Join(d.dir, "kadeploy.db")
		return d, nil
	case cfg.Postgres != nil:
		url, err := cfg.Postgres.Create(fmt.Sprintf("run%d", time.Now().UnixNano()))
		cfg.Database = url
		return crash{cfg.Postgres}, err
	}
	return peace{}, nil
}

// haunted has the trouble come and go, at times that the seed says. The function returned ends that, with all well.
func haunted(ctx context.Context, t trouble, seed uint64) func() error {
	ctx, end := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() {
		r := rand.New(rand.NewPCG(seed, 0xf011))
		var err error
		for err == nil && pause(ctx, time.Duration(200+r.IntN(1500))*time.Millisecond) {
			if err = t.come(); err == nil {
				pause(ctx, time.Duration(100+r.IntN(2000))*time.Millisecond)
				err = t.goAway()
			}
		}
		over <- err
	}()
	return sync.OnceValue(func() error { end(); return <-over })
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

type peace struct{}

func (peace) come() error   { return nil }
func (peace) goAway() error { return nil }
func (peace) close()        {}

// crash ends PostgreSQL without a word, and starts it again.
type crash struct {
	server interface {
		Start() error
		Stop()
	}
}

func (c crash) come() error {
	c.server.Stop()
	return nil
}

func (c crash) goAway() error { return c.server.Start() }
func (crash) close()          {}
