package blackout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
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

// Outcome of a run.
type Outcome struct {
	Operations, Events, Kills int
	Refused                   int // requests
	Resumed                   int // times that an operation was taken up again
	Wrong                     []string
}

// Run plays a scenario. The error is about what the run needs, not about what the daemon did.
func Run(ctx context.Context, cfg Config, s Scenario) (*Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, endTimeout+time.Minute)
	defer cancel()
	trouble, err := cfg.trouble()
	if err != nil {
		return nil, err
	}
	defer trouble.close()
	if err := layOut(cfg.Dir, s, cfg.Database); err != nil {
		return nil, err
	}
	snapshot, problems := config.Load(cfg.Dir)
	if problems.HasErrors() {
		return nil, problems
	}
	d, err := newDaemon(cfg.Server, cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer d.log.Close()
	if err := d.start(); err != nil {
		return nil, err
	}
	defer func() { d.kill() }()
	if err := d.serving(ctx, &snapshot.Global); err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, client.Config{Server: snapshot.Global.Server, Identity: client.Local(snapshot.Global.LocalSocket),
		Silence: 500 * time.Millisecond, Outage: endTimeout})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := &run{Scenario: s, client: c, dir: cfg.Dir, witness: witness{seen: make(map[string][]*message.Event)}}
	var users sync.WaitGroup
	users.Go(func() { r.ask(ctx, &users) })
	healthy := haunted(ctx, trouble, s.Seed)
	defer healthy()
	for _, after := range s.Kills {
		pause(ctx, after)
		d.kill()
		if err := d.start(); err != nil {
			return nil, err
		}
	}
	if err := healthy(); err != nil {
		return nil, err
	}
	if err := d.again(ctx); err != nil {
		return nil, err
	}
	users.Wait()
	return r.settle(ctx, d, snapshot.Global.Database)
}

// run is a scenario being played.
type run struct {
	Scenario
	client  *client.Client
	dir     string
	witness witness
	refused int
}

// ask makes the requests, each followed by whoever watches it.
func (r *run) ask(ctx context.Context, users *sync.WaitGroup) {
	for _, q := range r.Requests {
		if !pause(ctx, q.After) {
			return
		}
		id, err := r.submit(ctx, q)
		if err != nil {
			r.refused++
			continue
		}
		r.witness.accept(id)
		users.Go(func() { r.witness.watch(ctx, r.client, id) })
		if q.Cancel > 0 {
			users.Go(func() {
				pause(ctx, q.Cancel)
				_ = r.client.Cancel(ctx, id) // the daemon may be away, or the operation over
			})
		}
	}
}

func (r *run) submit(ctx context.Context, q Request) (string, error) {
	m := &message.Submit{MinNodes: q.MinNodes, Operation: message.Operation_REBOOT, RebootLevel: "hard"}
	if !q.Reboot {
		path := filepath.Join(r.dir, "images", "system.env")
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		m.Operation, m.RebootLevel, m.Environment, m.EnvironmentPath = message.Operation_DEPLOY, "", text, path
	}
	for _, n := range q.Nodes {
		m.Nodes = append(m.Nodes, node(n))
	}
	return r.client.Submit(ctx, m)
}

// settle reads everything again once all is over, also from the daemon after that, and judges.
func (r *run) settle(ctx context.Context, d *daemon, database string) (*Outcome, error) {
	o := &Outcome{Operations: len(r.witness.accepted), Kills: len(r.Kills), Refused: r.refused}
	d.kill()
	if err := d.start(); err != nil {
		return nil, err
	}
	events := make(map[string][]*message.Event)
	for _, id := range r.witness.accepted {
		events[id] = r.witness.again(ctx, r.client, id)
		o.Events += len(events[id])
	}
	if err := d.stop(); err != nil {
		r.witness.blame("the daemon did not stop in order: %v", err)
	}
	resumed, err := r.database(ctx, database)
	o.Resumed = resumed
	o.Wrong = append(r.witness.wrong, judge(r.dir, events)...)
	return o, err
}

// database looks at what was kept: nothing is open, no request was taken twice, and the file is sound.
func (r *run) database(ctx context.Context, url string) (resumed int, err error) {
	db, err := store.Open(ctx, store.Config{URL: url})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := db.Check(ctx); err != nil {
		r.witness.blame("%v", err)
	}
	all, err := db.History(ctx, store.Query{Limit: 1000})
	if err != nil {
		return 0, err
	}
	clients := make(map[string]string)
	for _, o := range all {
		resumed += o.Resumed
		if o.Until.IsZero() {
			r.witness.blame("%s has no end in the database", o.ID)
		}
		if other := clients[o.ClientID]; other != "" {
			r.witness.blame("one request became %s and %s", other, o.ID)
		}
		clients[o.ClientID] = o.ID
	}
	return resumed, nil
}

// String is one line for people.
func (o *Outcome) String() string {
	return fmt.Sprintf("%d operations, %d events, %d refused, %d kills, %d times taken up again", o.Operations, o.Events, o.Refused, o.Kills, o.Resumed)
}
