package blackout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// Outcome of a run.
type Outcome struct {
	Calm             bool // the database had no trouble
	Operations       int  // that the daemon has taken
	Events, Kills    int
	Hit              int // kills in the middle of operations, once for each of these
	Refused, Unheard int // requests, and times that nobody answered one
	Resumed          int // times that an operation was taken up again
	OK               int // nodes that were reported to have the new system
	Deeds            int // that must not be done twice
	Awaited, Back    int // times that a node waited for its agent, and that it called
	Wrong            []string
}

// settle reads everything again once all is over, also from the daemon after that, and judges.
func (r *run) settle(ctx context.Context) (*Outcome, error) {
	o := &Outcome{Calm: r.calm, Kills: len(r.Kills), Refused: r.refused, Unheard: r.unheard}
	if err := r.die(); err != nil {
		return nil, err
	}
	if err := r.daemon.start(); err != nil {
		return nil, err
	}
	if err := r.answers(ctx); err != nil {
		return nil, err
	}
	history, err := r.history(ctx)
	if err != nil {
		return nil, err
	}
	events := make(map[string][]*message.Event)
	for id := range history {
		if all := r.witness.again(ctx, r.client, id); len(all) > 0 {
			events[id] = all
		}
		o.Events += len(events[id])
		o.OK += settledOK(events[id])
	}
	if o.Operations = len(events); len(r.witness.accepted) == 0 && r.calm {
		r.witness.blame("no request was accepted: %d were refused", r.refused)
	}
	if err := r.daemon.stop(); err != nil {
		r.witness.blame("the daemon did not stop in order: %v", err)
	}
	if err := r.look(); err != nil {
		return nil, err
	}
	if o.Resumed, err = r.database(ctx, r.global.Database); err != nil {
		return nil, err
	}
	wrong, err := r.judge(o, events, history)
	o.Wrong = append(r.witness.wrong, wrong...)
	return o, err
}

// history asks for all operations, of unanswered requests, too.
func (r *run) history(ctx context.Context) (map[string]*message.PastOperation, error) {
	h, err := r.client.History(ctx, &message.HistoryRequest{Limit: 1000})
	if err != nil {
		return nil, err
	}
	history := make(map[string]*message.PastOperation)
	for _, o := range h.GetOperations() {
		history[o.GetId()] = o
	}
	for id := range r.witness.accepted {
		if history[id] == nil {
			r.witness.blame("%s was accepted, and is not in the history", id)
		}
	}
	return history, nil
}

// judge holds what was said against what was done.
func (r *run) judge(o *Outcome, events map[string][]*message.Event, history map[string]*message.PastOperation) ([]string, error) {
	var kills []time.Time
	for _, s := range r.shelves {
		kills = append(kills, s.seen)
	}
	for _, h := range history {
		o.Hit += stopped(h.GetSince().AsTime(), h.GetUntil().AsTime(), kills)
	}
	wrong := slices.Concat(judge(r.dir, events), judgeHolds(r.fetched, events, r.shelves), judgeEnds(events, history, r.witness.accepted, kills))
	var machines map[string]*diary
	if r.Apart {
		var err error
		if machines, err = r.machines(); err != nil {
			return nil, err
		}
		met, bad := judgeBoots(events, machines, kills)
		o.Awaited, o.Back = met.awaited, met.back
		wrong = append(wrong, bad...)
	}
	levels := make(map[string]string)
	for id, q := range r.witness.accepted {
		levels[id] = q.Level
	}
	turns, bad := turnsOf(events, levels)
	wrong = append(wrong, bad...)
	for n := 1; n <= nodes; n++ {
		deeds, err := readDeeds(r.dir, node(n))
		if err != nil {
			return nil, err
		}
		seen := []kind{custom, preInstall, postInstall}
		if d := machines[node(n)]; d != nil {
			deeds[powered] = commands(d.told, kills)
			seen = append(seen, powered)
		}
		for _, k := range seen {
			o.Deeds += len(deeds[k])
			wrong = append(wrong, judgeDeeds(doer{node(n), k}, turns[doer{node(n), k}], deeds[k])...)
		}
	}
	return wrong, nil
}

// machines reads what those did that outlived the daemon.
func (r *run) machines() (map[string]*diary, error) {
	f, err := os.Open(filepath.Join(r.dir, machinesLog))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readDiaries(f)
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

// settledOK counts the nodes that the end of a deployment reports as OK, with the new system.
func settledOK(events []*message.Event) (n int) {
	deployment := false
	for _, e := range events {
		deployment = deployment || e.GetStarted() != nil && e.GetStarted().GetOperation() == message.Operation_DEPLOY
		for _, report := range e.GetEnded().GetNodes() {
			if deployment && report.GetPhase() == message.NodePhase_OK && !report.GetStopped() {
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
	return fmt.Sprintf("%d operations, %d events, %d refused, %d unheard, %d nodes OK, %d kills, %d in operations, %d times taken up again, %d deeds, %d agents awaited, %d back",
		o.Operations, o.Events, o.Refused, o.Unheard, o.OK, o.Kills, o.Hit, o.Resumed, o.Deeds, o.Awaited, o.Back)
}
