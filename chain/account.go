package chain

import (
	"context"
	"sync"
	"time"
)

// account takes in what is new of the links, and tells the caller.
func (h *head) account() {
	news, version := h.table.since(h.seen)
	h.seen = version
	now := time.Now()
	for _, n := range news {
		if h.roster.hear(n.index, n.entry, now) {
			h.skip(n.index, n.entry.by, n.entry.cause)
		}
		if h.lates[n.index] == nil || n.entry.state == Done {
			h.tell(n.index, n.entry, false, now)
		}
	}
	for i, t := range h.lates {
		if t == nil {
			continue
		}
		if e := t.get(i); e != h.told[i] && h.table.get(i).state != Done {
			h.tell(i, e, !h.writes[i], now)
		}
	}
}

func (h *head) tell(i int, e entry, late bool, now time.Time) {
	h.told[i] = e
	h.spoil(i, e)
	if e.state >= Failed {
		h.settled[i] = now
	}
	if h.cfg.Progress == nil {
		return
	}
	cause := e.cause
	if !late {
		cause = h.plan.lostBy(e)
	}
	h.cfg.Progress(Progress{Name: h.cfg.Links[i].Name, State: e.state, Received: e.received, Written: e.written,
		Corrupt: int(e.corrupt), Cause: cause, Late: late})
}

// skip notes that link i left the chain, which happens once: whoever says so first is believed. One that only writes has not left it.
func (h *head) skip(i int, by party, cause string) {
	if len(h.skips[i]) > 0 || h.writes[i] {
		return
	}
	s := Skip{Name: h.cfg.Links[i].Name, By: h.cfg.Links[i].Name, Cause: cause, Offset: h.table.get(i).received}
	if by != itself {
		s.By = h.plan.name(by.index())
	}
	h.skips[i] = append(h.skips[i], s)
	if h.cfg.Skipped != nil {
		h.cfg.Skipped(s)
	}
}

// spoil tells of chunks that arrived corrupt at link i. A link may say any number: it is told of when it has doubled.
func (h *head) spoil(i int, e entry) {
	known := h.spoils[i]
	if e.corrupt == 0 || int(e.corrupt) < 2*known.Chunks || e.by == itself || e.state == Failed {
		return
	}
	s := Spoil{Name: h.cfg.Links[i].Name, By: h.plan.name(e.by.index()), Chunks: int(e.corrupt) - known.Chunks}
	h.spoils[i] = Spoil{s.Name, s.By, int(e.corrupt)}
	if h.cfg.Spoiled != nil {
		h.cfg.Spoiled(s)
	}
}

// permitUnit is the most that a limiter is asked for at a time.
const permitUnit = 64 << 10

// permit gives out permissions to send one frame of at most so many bytes, as the limiters allow.
func permit(ctx context.Context, wg *sync.WaitGroup, limits []Limiter, frame int) <-chan struct{} {
	permits := make(chan struct{})
	wg.Go(func() {
		for {
			for left := frame; left > 0; left -= permitUnit {
				for _, l := range limits {
					if l.WaitN(ctx, min(left, permitUnit)) != nil {
						return
					}
				}
			}
			select {
			case permits <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	})
	return permits
}
