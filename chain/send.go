package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Link is a machine of the chain: its name in reports and the host:port it listens on.
type Link struct{ Name, Addr string }

// SendConfig describes one broadcast.
type SendConfig struct {
	Transfer [16]byte    // names this broadcast; a link serves no other
	Key      [32]byte    // shared with the links, of this transfer only
	Links    []Link      // in the order of the chain; names are unique
	Source   io.ReaderAt // the image; a read that takes longer than StallTimeout looks like a dead head
	Manifest *Manifest

	// Progress, if set, is told of each link whose state or position changed; calls never overlap.
	Progress func(Progress)

	DialTimeout  time.Duration // to reach a link and agree on the key; 0: 1 s
	StallTimeout time.Duration // of silence before a link is skipped; 0: 2 s, at least 20 ms
	Listen       string        // host:port that links reach the head at for ranges; "": no ranges
}

// Progress is where a link stands. Bytes received, and bytes its sink took.
type Progress struct {
	Name              string
	State             State
	Received, Written int64
	Cause             string
}

// Result is what became of a link.
type Result struct {
	Name    string
	OK      bool   // its sink took every byte, verified, and accepted the end
	Cause   string // one line, when not OK
	Bytes   int64  // that its sink took
	Corrupt int    // chunks that the hop to it spoiled and that were sent again
}

// Report has a result for each link, in their order.
type Report struct{ Results []Result }

// OK is how many links are.
func (r Report) OK() (n int) {
	for _, one := range r.Results {
		if one.OK {
			n++
		}
	}
	return n
}

// Send is the head of the chain. It returns when every link is settled: has everything, or is lost with a cause. A lost link is not
// an error of Send; an error means that the head itself could not go on (context, source, configuration), and the report still says
// what is known.
func Send(ctx context.Context, cfg SendConfig) (Report, error) {
	if err := cfg.complete(); err != nil {
		return Report{}, fmt.Errorf("chain: send: %w", err)
	}
	h := &head{cfg: cfg, table: newTable(len(cfg.Links))}
	err := h.run(ctx)
	report := h.report(err)
	if err != nil {
		return report, fmt.Errorf("chain: send: %w", err)
	}
	return report, nil
}

func (c *SendConfig) complete() error {
	c.DialTimeout, c.StallTimeout = orDefault(c.DialTimeout, time.Second), orDefault(c.StallTimeout, 2*time.Second)
	if err := c.Manifest.check(); err != nil {
		return err
	}
	if c.Source == nil {
		return errors.New("no source")
	}
	if len(c.Links) > maxLinks {
		return fmt.Errorf("%d links, at most %d are possible", len(c.Links), maxLinks)
	}
	if c.StallTimeout < 20*time.Millisecond {
		return fmt.Errorf("stall timeout %v is below 20ms", c.StallTimeout)
	}
	seen := make(map[string]bool)
	for _, l := range c.Links {
		if l.Name == "" || len(l.Name) > maxName || l.Addr == "" || len(l.Addr) > maxName || seen[l.Name] {
			return fmt.Errorf("link %.40q at %.40q: names and addresses are 1 to %d bytes long, and names unique", l.Name, l.Addr, maxName)
		}
		seen[l.Name] = true
	}
	return nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

type head struct {
	cfg   SendConfig
	table *table
	seen  uint64 // version of the table that Progress knows
}

func (h *head) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	s := secret{h.cfg.Transfer, h.cfg.Key}
	tm := timing{h.cfg.DialTimeout, h.cfg.StallTimeout}
	p := plan{feeder: headIndex, index: headIndex, links: h.cfg.Links}
	if h.cfg.Listen != "" {
		l, err := net.Listen("tcp", h.cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen for ranges: %w", err)
		}
		defer l.Close()
		p.head = l.Addr().String()
		server := rangeServer{s, func() *shelf { return newShelf(h.cfg.Source, h.cfg.Manifest) }, h.cfg.Manifest.Size, tm}
		wg.Go(func() { server.run(ctx, l) })
	}
	f := newFeeder(p, headIndex, s, h.cfg.Manifest, newShelf(h.cfg.Source, h.cfg.Manifest), h.table, tm, net.Dialer{})
	ended := make(chan error, 1)
	wg.Go(func() { ended <- f.run(ctx) })
	return h.wait(ctx, f, ended)
}

// wait follows the table until every link is settled, then sends all home.
func (h *head) wait(ctx context.Context, f *feeder, ended chan error) error {
	tick := time.NewTicker(h.cfg.StallTimeout / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended: // it lost every link, or its source
			h.progress()
			return err
		case <-h.table.news:
		case <-tick.C:
		}
		h.progress()
		if h.table.settled(0) {
			f.sendHome()
			select {
			case err := <-ended:
				return err
			case <-time.After(2 * h.cfg.StallTimeout): // the first link has stopped reading; its result is known
				return nil
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (h *head) progress() {
	all, version := h.table.since(h.seen)
	h.seen = version
	if h.cfg.Progress == nil {
		return
	}
	for _, n := range all {
		h.cfg.Progress(Progress{h.cfg.Links[n.index].Name, n.entry.state, n.entry.received, n.entry.written, n.entry.cause})
	}
}

func (h *head) report(err error) Report {
	all := make([]Result, len(h.cfg.Links))
	for i, l := range h.cfg.Links {
		e := h.table.get(i)
		all[i] = Result{Name: l.Name, OK: e.state == Done, Cause: e.cause, Bytes: e.written, Corrupt: int(e.corrupt)}
		if e.state < Failed {
			all[i].Cause = "not settled when the broadcast ended"
			if err != nil {
				all[i].Cause = "broadcast ended: " + clip(err.Error())
			}
		}
	}
	return Report{all}
}
