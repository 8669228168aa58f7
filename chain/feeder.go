package chain

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// source is where a feeder takes the image from: the head's file, or a link's ring.
type source interface {
	serve(want int64) (start int64)                      // move to an offset, or to the first one held after it
	peek() (offset int64, p []byte, err error)           // the next bytes, nil when there are none yet
	sent(n int)                                          // they are through
	vouch(offset int64) (ok, wasCorrupt bool, err error) // whether the chunk there is known to be right here
	detach()                                             // nobody follows any more
	wake() <-chan struct{}                               // peek and vouch may have news
}

// timing is how long a silent or unreachable peer is waited for.
type timing struct {
	dial  time.Duration // to connect and to shake hands
	stall time.Duration // without any frame; a living peer sends one four times as often
}

// reconnects is how often a feeder calls a link again whose connection broke without the link being silent or refusing.
const reconnects = 2

// feeder is the forward half of the head and of every link: it keeps the nearest living link after it fed.
type feeder struct {
	plan     plan // as its owner got it; owner is plan.index, or headIndex
	self     int
	secret   secret
	manifest []byte
	size     int64
	source   source
	table    *table
	timing   timing
	dialer   net.Dialer

	gone   []bool // links lost to this feeder
	broken []int  // how often a connection to each broke

	bye   chan struct{} // closed: everything is settled
	abort chan string   // one cause: nothing more will come
	ended chan struct{} // closed: run has returned
	once  sync.Once
}

// ending is why a feeder left a link.
type ending struct {
	kind  endKind
	cause string
	err   error // of endFatal
}

type endKind int

const (
	endDone   endKind = iota // sent home, taken over by another feeder, or cancelled: nothing more to do
	endBroken                // the connection broke: call again
	endLost                  // the link is lost
	endFatal                 // this feeder cannot go on
)

func newFeeder(p plan, self int, s secret, m *Manifest, src source, t *table, tm timing, d net.Dialer) *feeder {
	return &feeder{plan: p, self: self, secret: s, manifest: m.Encode(), size: m.Size, source: src, table: t, timing: tm, dialer: d,
		gone: make([]bool, len(p.links)), broken: make([]int, len(p.links)), bye: make(chan struct{}), abort: make(chan string, 1), ended: make(chan struct{})}
}

// sendHome ends the feeder and all links after it, well.
func (f *feeder) sendHome() { f.once.Do(func() { close(f.bye) }) }

// giveUp ends them because no more bytes will come. It is called once.
func (f *feeder) giveUp(cause string) { f.abort <- cause }

// run feeds one link after another until all are settled, someone else feeds them, or ctx ends. It fails only when its own source does.
func (f *feeder) run(ctx context.Context) error {
	defer close(f.ended)
	defer f.source.detach()
	for {
		i, ok := nextLink(f.self, f.gone, f.table.settled(f.self+1))
		if !ok || ctx.Err() != nil {
			return nil
		}
		end := f.feed(ctx, i)
		if end.kind == endBroken {
			if f.broken[i]++; f.broken[i] <= reconnects {
				continue
			}
		}
		switch end.kind {
		case endDone:
			return nil
		case endFatal:
			return end.err
		}
		f.gone[i] = true
		f.table.tell(i, entry{state: Failed, cause: fmt.Sprintf("lost by %s: %s", f.plan.name(f.self), end.cause)})
	}
}

// feed calls link i and feeds it for as long as that goes.
func (f *feeder) feed(ctx context.Context, i int) ending {
	dialCtx, cancel := context.WithTimeout(ctx, f.timing.dial)
	defer cancel()
	conn, err := f.dialer.DialContext(dialCtx, "tcp", f.plan.links[i].Addr)
	if err != nil {
		return f.verdict(ctx, ending{kind: endLost, cause: short(err)})
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	w, needs, err := dialHandshake(conn, f.secret, roleFeed, f.timing.dial)
	if err != nil {
		return f.verdict(ctx, ending{kind: endLost, cause: "handshake: " + short(err)})
	}
	p := f.plan
	p.feeder, p.index = f.self, i
	conn.SetWriteDeadline(time.Now().Add(f.timing.dial + f.timing.stall))
	err = w.control(kindPlan, 0, p.encode())
	if err == nil && needs {
		err = w.control(kindManifest, 0, f.manifest)
	}
	if err != nil {
		return f.verdict(ctx, ending{kind: endBroken, cause: short(err)})
	}
	conn.SetWriteDeadline(time.Time{})
	return f.verdict(ctx, f.talk(w, i))
}

// verdict keeps a cancelled feeder from burying the link it happened to talk to.
func (f *feeder) verdict(ctx context.Context, e ending) ending {
	if ctx.Err() != nil && e.kind != endFatal {
		return ending{kind: endDone}
	}
	return e
}
