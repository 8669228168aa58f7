package chain

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// source is where a feeder takes the image from: the head's file, or a link's ring.
type source interface {
	serve(want int64) (start int64)                      // move to an offset, or to the first one held after it
	peek() (offset int64, p []byte, err error)           // the next bytes, nil when there are none yet
	sent(n int)                                          // they are through
	vouch(offset int64) (ok, wasCorrupt bool, err error) // whether the chunk there is known to be right here
	detach()                                             // nobody follows any more
	wake() <-chan struct{}                               // peek and vouch may have news after it; asked for before them
	pressure() pressure
}

// pressure is how a source stands to its reader.
type pressure struct {
	sent    int64   // position of the reader
	backlog int64   // bytes that it could have now
	inflow  float64 // bytes per second at which they came here; 0: all were here from the start
}

// timing is how long a silent or unreachable peer is waited for.
type timing struct {
	dial  time.Duration // to connect and to shake hands
	stall time.Duration // without any frame; a living peer sends one four times as often
}

// feederConfig is what a feeder works with.
type feederConfig struct {
	plan    plan // as its owner got it
	self    int  // index of its owner, or headIndex
	secret  secret
	index   *index
	source  source
	table   *table
	timing  timing
	dialer  dialer
	permits <-chan struct{}    // one is taken before each frame of the image; nil: as many as are wanted
	lookout bool               // a follower whose connection is slow is put aside
	slow    func(cause string) // told when it is this end whose connection is slow; nil: nobody cares
	faults  chan<- error       // with room for one: told what is wrong with the source; nil: it never fails
}

// feeder is the forward half of the head and of every link: it keeps the nearest living link after it fed.
type feeder struct {
	feederConfig

	line  succession
	aside float64 // bytes per second of the follower that was put aside, until it is known whether the next one is faster

	bye     chan struct{} // closed: everything is settled
	abort   chan abort    // one: nothing more will come
	ended   chan struct{} // closed: run has returned
	resting atomic.Bool   // those after it are fed by another
	once    sync.Once
}

// ending is why a feeder left a link.
type ending struct {
	kind  endKind
	cause string
	own   bool // of endLost: the link failed, and told it itself
}

type endKind int

const (
	endDone   endKind = iota // sent home, or cancelled: nothing more to do
	endTaken                 // another feeder has the link
	endBroken                // the connection broke: call again
	endLost                  // the link is lost
)

func newFeeder(cfg feederConfig) *feeder {
	return &feeder{feederConfig: cfg, line: newSuccession(cfg.self, len(cfg.plan.links)),
		bye: make(chan struct{}), abort: make(chan abort, 1), ended: make(chan struct{})}
}

// sendHome ends the feeder and all links after it, well.
func (f *feeder) sendHome() { f.once.Do(func() { close(f.bye) }) }

// giveUp ends them because no more bytes will come. It is called once.
func (f *feeder) giveUp(a abort) { f.abort <- a }

// run feeds one link after another until all are settled, or ctx ends. When its source fails it keeps the link until it is told to give up.
func (f *feeder) run(ctx context.Context) {
	defer close(f.ended)
	defer f.source.detach()
	for ctx.Err() == nil {
		i, ok := f.line.next(f.table, f.self)
		if !ok {
			return
		}
		found, lost := f.hunt(ctx, i)
		for _, l := range lost {
			f.lose(ctx, l.index, ending{kind: endLost, cause: l.cause})
		}
		if found == nil {
			continue
		}
		end := f.feed(ctx, found)
		switch f.line.after(found.index, end.kind) {
		case rests:
			if !f.rest(ctx) {
				return
			}
		case buries:
			f.lose(ctx, found.index, end)
		case stops:
			return
		}
	}
}

// rest waits while a feeder nearer to the head has the follower. That one may be lost to those before it, without knowing: then we are
// fed in its place, and have to be there when the follower is without it.
func (f *feeder) rest(ctx context.Context) (again bool) {
	f.source.detach()
	f.resting.Store(true)
	defer f.resting.Store(false)
	select {
	case <-time.After(f.timing.stall / 2):
		return true
	case <-f.bye:
	case <-f.abort:
	case <-ctx.Done():
	}
	return false
}

// lose notes that link i is out of the chain. A cancelled feeder buries nobody.
func (f *feeder) lose(ctx context.Context, i int, end ending) {
	if ctx.Err() == nil {
		f.line.bury(f.table, i, end.cause, end.own)
	}
}

// feed feeds a link that was reached for as long as that goes.
func (f *feeder) feed(ctx context.Context, to *reached) ending {
	defer to.wire.conn.Close()
	defer context.AfterFunc(ctx, func() { to.wire.conn.Close() })()
	p := f.plan
	p.feeder, p.index, p.late = f.self, to.index, false
	if err := f.introduce(to, p); err != nil {
		return f.verdict(ctx, ending{kind: endBroken, cause: short(err)})
	}
	return f.verdict(ctx, f.talk(ctx, to.wire, to.index))
}

// introduce tells a link its place, and what the image is if it does not know.
func (f *feeder) introduce(to *reached, p plan) error {
	conn := to.wire.conn
	p.head = reachable(p.head, conn.LocalAddr())
	if err := conn.SetWriteDeadline(time.Now().Add(f.timing.dial + f.timing.stall)); err != nil {
		return err
	}
	if err := to.wire.control(kindPlan, 0, p.encode()); err != nil {
		return err
	}
	if to.needs {
		if err := to.wire.control(kindManifest, 0, f.index.encode()); err != nil {
			return err
		}
	}
	return conn.SetWriteDeadline(time.Time{})
}

// verdict keeps a cancelled feeder from burying the link it happened to talk to.
func (f *feeder) verdict(ctx context.Context, e ending) ending {
	if ctx.Err() != nil {
		return ending{kind: endDone}
	}
	return e
}

// lostBy words a cause for people: who gave the link up, and why.
func (p plan) lostBy(e entry) string {
	if e.by == itself || e.state != Failed {
		return e.cause
	}
	return fmt.Sprintf("lost by %s: %s", p.name(e.by.index()), e.cause)
}

// reachable is the head's address for its links: when it listens on all of its addresses, the one that this link was called from.
func reachable(head string, local net.Addr) string {
	host, port, err := net.SplitHostPort(head)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return head
	}
	if tcp, ok := local.(*net.TCPAddr); ok {
		return net.JoinHostPort(tcp.IP.String(), port)
	}
	return head
}
