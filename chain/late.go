package chain

import (
	"context"
	"sync"
	"time"
)

// ask puts a link's call to the loop.
func (h *head) ask(ctx context.Context, i int, j join) bool {
	verdict := make(chan bool, 1)
	select {
	case h.asks <- ask{i, j, verdict}:
		return <-verdict
	case <-ctx.Done():
		return false
	}
}

// admit decides a call, and tells the caller of a link that steps out.
func (h *head) admit(a ask) bool {
	wasLost := !h.roster.links[a.index].lost.IsZero()
	if !h.roster.admit(a.index, a.why, time.Now()) {
		return false
	}
	if h.lates[a.index] == nil {
		h.lates[a.index] = newTable(len(h.cfg.Links))
		h.writes[a.index] = a.why == whyWriting
		if !wasLost && (a.why == whySlowDisk || a.why == whySlowLink) {
			h.skip(a.index, itself, a.cause)
		}
	}
	return true
}

// feedLate feeds a late joiner from the offset it wants, once the chain has been fed.
func (h *head) feedLate(ctx context.Context, i int, w *wire) {
	t := h.lates[i] // made before this connection was admitted, and never changed
	cfg, faults := h.feederConfig(i-1, gated{newShelf(h.cfg.Source, h.index), h.gate}, t), make(chan error, 1)
	cfg.faults = faults
	f := newFeeder(cfg)
	ctx, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer cancel()
	watcher.Go(func() {
		for t.get(i).state < Failed {
			select {
			case <-time.After(h.timing.stall / 8):
			case err := <-faults: // for this link alone: the chain has those bytes
				t.tell(i, entry{state: Failed, by: partyOf(headIndex), cause: clip(err.Error())})
				f.giveUp(noMore(err))
				return
			case <-h.ending:
				f.giveUp(h.last)
				return
			case <-ctx.Done():
				return
			}
		}
		f.sendHome()
	})
	end := f.talk(ctx, w, i)
	if end.own {
		t.tell(i, entry{state: Failed, cause: end.cause})
	}
	select {
	case h.parts <- departure{i, end}:
	case <-ctx.Done():
	}
}

// departure is the end of a late joiner's connection.
type departure struct {
	index int
	ending
}

// part notes the end of a late joiner's connection. If it does not come back, that is what became of it.
func (h *head) part(d departure) {
	h.roster.part(d.index, time.Now())
	if e := h.lates[d.index].get(d.index); e.state >= Failed {
		h.roster.finish(d.index, e.state == Done)
	}
	if d.kind == endLost || d.kind == endBroken {
		h.lost[d.index] = h.plan.lostBy(entry{state: Failed, by: partyOf(headIndex), cause: d.cause})
	}
}

// finding is what came of a call to a missing link.
type finding struct {
	index   int
	there   bool // it answered
	refused bool // by its machine: nobody listens there
}

// knock calls the links that are missing: one that has come to life meanwhile calls the head.
func (h *head) knock(ctx context.Context, wg *sync.WaitGroup) {
	if h.plan.head == "" {
		return
	}
	now := time.Now()
	for _, i := range h.roster.missing(now) {
		select {
		case h.knocks <- struct{}{}:
			h.roster.knock(i, now)
		default:
			return // the others have their turn later
		}
		wg.Go(func() {
			defer func() { <-h.knocks }()
			f := newFeeder(h.feederConfig(headIndex, h.shelf, h.table))
			answer := f.reach(ctx, i)
			found := answer.reached
			select {
			case h.findings <- finding{i, found != nil, answer.refused}:
			case <-ctx.Done():
			}
			if found == nil {
				return
			}
			p := h.plan
			p.feeder, p.index, p.late = headIndex, i, true
			if f.introduce(found, p) == nil {
				found.wire.farewell(h.timing.stall)
			}
			found.wire.conn.Close()
		})
	}
}
