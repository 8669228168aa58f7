package chain

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// head is the state of one Send. Its loop owns the roster and what is told to the caller.
type head struct {
	cfg    SendConfig
	secret secret
	timing timing
	plan   plan
	index  *index
	table  *table // of the chain
	shelf  *shelf // of the chain
	begun  time.Time

	roster   roster
	lates    []*table // of late joiners, each with one entry that counts; nil for others
	writes   []bool   // a link that was there in time and only writes: late to nobody
	lost     []string // why the last connection to a late joiner ended, if not well
	asks     chan ask
	parts    chan departure
	gate     chan struct{} // closed: late joiners are fed
	permits  <-chan struct{}
	knocks   chan struct{} // slots
	findings chan finding
	faults   chan error    // of the image, as the chain is fed
	ending   chan struct{} // closed: last is to be told to those who are fed
	last     abort

	seen    uint64 // version of the table that the caller knows
	told    []entry
	settled []time.Time
	skips   map[int][]Skip
	spoils  map[int]Spoil // the latest of each link, and how many chunks were told of
}

// ask is a link's call that waits for a decision.
type ask struct {
	index int
	join
	verdict chan<- bool
}

func newHead(cfg SendConfig, s secret) *head {
	n := len(cfg.Links)
	h := &head{cfg: cfg, secret: s, timing: timing{cfg.DialTimeout, cfg.StallTimeout}, table: newTable(n), begun: time.Now(),
		roster: roster{links: make([]standing, n), begun: time.Now(), grace: cfg.StallTimeout * 3 / 4, window: 2 * cfg.StallTimeout, linger: cfg.Linger},
		lates:  make([]*table, n), writes: make([]bool, n), lost: make([]string, n), asks: make(chan ask), parts: make(chan departure), gate: make(chan struct{}),
		knocks: make(chan struct{}, huntWidth), findings: make(chan finding), faults: make(chan error, 1), ending: make(chan struct{}),
		told: make([]entry, n), settled: make([]time.Time, n), skips: make(map[int][]Skip), spoils: make(map[int]Spoil)}
	h.plan = plan{feeder: headIndex, index: headIndex, round: uint64(h.begun.UnixMicro()), links: cfg.Links}
	if h.index = newIndex(cfg.ChunkSize); cfg.Manifest != nil {
		h.index = indexOf(cfg.Manifest)
	}
	h.shelf = newShelf(cfg.Source, h.index)
	h.index.want(readAhead)
	return h
}

func (h *head) run(outer context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(outer)) // the links are told before it ends
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if len(h.cfg.Limits) > 0 {
		h.permits = permit(ctx, &wg, h.cfg.Limits, int(min(maxFrame, h.index.chunk))) // no frame is larger than a chunk
	}
	if h.cfg.Listen != "" {
		l, err := net.Listen("tcp", h.cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen for links: %w", err)
		}
		defer l.Close()
		h.plan.head = l.Addr().String()
		d := &door{secret: h.secret, timing: h.timing, permits: h.permits, source: func() *shelf { return newShelf(h.cfg.Source, h.index) },
			links: h.cfg.Links, ask: h.ask, serve: h.feedLate}
		wg.Go(func() { d.run(ctx, l) })
	}
	described := make(chan error, 1)
	if h.cfg.Manifest == nil {
		go func() { described <- describe(ctx, h.cfg.Input, h.index) }() // not waited for: nothing can end a Read that hangs
	}
	h.gather(outer)
	cfg := h.feederConfig(headIndex, h.shelf, h.table)
	cfg.lookout, cfg.faults = h.plan.head != "", h.faults
	f := newFeeder(cfg)
	wg.Go(func() { f.run(ctx) })
	err := h.loop(ctx, outer, &wg, f, described)
	if err != nil && !(h.cfg.Silent && outer.Err() != nil) {
		h.giveUp(f, noMore(err))
	}
	return err
}

// noMore is the head's last word: the links pass it on as it is.
func noMore(err error) abort { return abort{true, "the head gave up: " + err.Error()} }

// giveUp tells everyone who is fed why there is no more, as far as that takes no longer than twice partingTime.
func (h *head) giveUp(f *feeder, last abort) {
	h.last = last
	close(h.ending)
	f.giveUp(last)
	over, fed := time.After(2*partingTime), f.ended
	for serving := h.roster.serving(); fed != nil || serving > 0; {
		select {
		case <-fed:
			fed = nil
		case <-h.parts:
			serving--
		case <-over:
			return
		}
	}
}

func (h *head) feederConfig(self int, src source, t *table) feederConfig {
	return feederConfig{plan: h.plan, self: self, secret: h.secret, index: h.index, source: src, table: t, timing: h.timing,
		dialer: new(net.Dialer), permits: h.permits}
}

// loop follows the chain until every link of it is settled, and late joiners until nobody is to be waited for.
func (h *head) loop(ctx, outer context.Context, wg *sync.WaitGroup, f *feeder, described chan error) error {
	tick := time.NewTicker(min(lookAround, h.timing.stall/4))
	defer tick.Stop()
	ended := f.ended
	var home <-chan time.Time // the first link has stopped reading; its result is known
	for {
		select {
		case <-outer.Done():
			h.account()
			return context.Cause(outer)
		case err := <-described:
			if err != nil {
				return err
			}
		case err := <-h.faults:
			h.account()
			return err
		case <-ended: // all are sent home, or it lost every link
			ended = nil
			h.account()
			h.pass()
		case <-home:
			h.pass()
		case a := <-h.asks:
			h.account()
			a.verdict <- h.admit(a)
		case d := <-h.parts:
			h.part(d)
		case found := <-h.findings:
			h.roster.found(found, time.Now())
		case <-h.table.news:
		case <-tick.C:
			h.knock(ctx, wg)
		}
		h.account()
		if _, size := h.index.end(); h.shelf.cursor.Load() == size {
			h.open()
		}
		if h.table.settled(0) && h.roster.passed.IsZero() {
			f.sendHome()
			if home == nil {
				home = time.After(2 * h.timing.stall)
			}
		}
		if over, _ := h.roster.over(time.Now()); over {
			return nil
		}
	}
}

// pass ends the chain: only late joiners are left.
func (h *head) pass() {
	if !h.roster.passed.IsZero() {
		return
	}
	h.roster.passed = time.Now()
	h.index.want(noEnd)
	h.open()
	if h.cfg.Passed != nil {
		h.cfg.Passed()
	}
}

// open lets late joiners have the image: the last byte has left for the chain.
func (h *head) open() {
	select {
	case <-h.gate:
	default:
		close(h.gate)
	}
}

func (h *head) report(err error) Report {
	r := Report{Results: make([]Result, len(h.cfg.Links)), Elapsed: time.Since(h.begun)}
	if m := h.index.manifest(); m != nil {
		r.Size, r.Image = m.Size, m.Digest()
	}
	for i, l := range h.cfg.Links {
		e := h.table.get(i)
		one := Result{Name: l.Name, Late: h.lates[i] != nil && !h.writes[i], Skips: h.skips[i], Corrupt: int(e.corrupt), Spoiler: h.spoils[i].By}
		cause := h.plan.lostBy(e)
		if late := h.lates[i]; late != nil && e.state != Done {
			before := e
			e = late.get(i)
			one.Corrupt = int(max(before.corrupt, e.corrupt))
			cause = cmp.Or(e.cause, h.lost[i], cause)
		}
		one.OK, one.Bytes = e.state == Done, e.written
		if !h.settled[i].IsZero() {
			one.Elapsed = h.settled[i].Sub(h.begun)
		}
		switch {
		case one.OK:
			cause = ""
		case cause == "" && err != nil:
			cause = "broadcast ended: " + clip(err.Error())
		case cause == "":
			cause = "not settled when the broadcast ended"
		}
		one.Cause = cause
		r.Results[i] = one
	}
	return r
}
