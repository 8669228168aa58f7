package blackout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// Outcome of a run.
type Outcome struct {
	Operations, Events, Kills int
	Refused                   int // requests
	Resumed                   int // times that an operation was taken up again
	OK                        int // nodes that were reported so
	Awaited, Back             int // times that a node waited for its agent, and that it called
	Wrong                     []string
}

// settle reads everything again once all is over, also from the daemon after that, and judges.
func (r *run) settle(ctx context.Context) (*Outcome, error) {
	o := &Outcome{Operations: len(r.witness.accepted), Kills: len(r.Kills), Refused: r.refused}
	if err := r.die(); err != nil {
		return nil, err
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	if err := r.answers(ctx); err != nil {
		return nil, err
	}
	events := make(map[string][]*message.Event)
	for _, id := range r.witness.accepted {
		events[id] = r.witness.again(ctx, r.client, id)
		o.Events += len(events[id])
		o.OK += settledOK(events[id])
	}
	if err := r.daemon.stop(); err != nil {
		r.witness.blame("the daemon did not stop in order: %v", err)
	}
	if err := r.look(); err != nil {
		return nil, err
	}
	var err error
	if o.Resumed, err = r.database(ctx, r.global.Database); err != nil {
		return nil, err
	}
	o.Wrong = append(judge(r.dir, events), judgeHolds(r.fetched, events, r.shelves)...)
	if r.Apart {
		wrong, err := r.reunited(o, events)
		if err != nil {
			return nil, err
		}
		o.Wrong = append(o.Wrong, wrong...)
	}
	o.Wrong = append(r.witness.wrong, o.Wrong...)
	return o, nil
}

// answers waits for a daemon that serves: one that has not come so far cannot be stopped in order.
func (r *run) answers(ctx context.Context) error {
	for {
		_, err := r.client.Status(ctx, "")
		if err == nil {
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("the daemon does not answer: %w", err)
		}
	}
}

// reunited judges what the machines did that outlived the daemon. While the database is in trouble, what is written down is too far behind.
func (r *run) reunited(o *Outcome, events map[string][]*message.Event) ([]string, error) {
	f, err := os.Open(filepath.Join(r.dir, machinesLog))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	machines, err := readDiaries(f)
	if err != nil {
		return nil, err
	}
	var kills []time.Time
	for _, s := range r.shelves {
		kills = append(kills, s.seen)
	}
	met, wrong := judgeBoots(events, machines, kills)
	o.Awaited, o.Back = met.awaited, met.back
	if !r.calm {
		return nil, nil
	}
	return wrong, nil
}

// settledOK counts the nodes that an operation's end reports as OK.
func settledOK(events []*message.Event) (n int) {
	for _, e := range events {
		for _, report := range e.GetEnded().GetNodes() {
			if report.GetPhase() == message.NodePhase_OK {
				n++
			}
		}
	}
	return n
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
	return fmt.Sprintf("%d operations, %d events, %d refused, %d nodes OK, %d kills, %d times taken up again, %d agents awaited, %d back",
		o.Operations, o.Events, o.Refused, o.OK, o.Kills, o.Resumed, o.Awaited, o.Back)
}
