package chain

import (
	"context"
	"io"
	"time"
)

// probeSize is what a probe sends: enough to tell a slow way from a fast one, and next to nothing beside an image.
const probeSize = 256 << 10

// measure sends a link bytes that mean nothing, and returns how many per second went through. The first half does not count: queues
// on the way may take it in at once. Nor is a way faster than the whole was: both answers wait for whoever comes late to read them.
func (f *feeder) measure(ctx context.Context, i int) (float64, error) {
	w, _, err := dial(ctx, f.dialer, f.plan.links[i].Addr, f.secret, roleProbe, f.timing.dial)
	if err != nil {
		return 0, err
	}
	defer w.conn.Close()
	defer context.AfterFunc(ctx, func() { w.conn.Close() })()
	begin := time.Now()
	if err := w.conn.SetDeadline(begin.Add(f.timing.dial)); err != nil {
		return 0, err
	}
	if _, err := w.conn.Write(make([]byte, probeSize)); err != nil {
		return 0, err
	}
	if _, err := w.r.ReadByte(); err != nil {
		return 0, err
	}
	half := time.Now()
	if _, err := w.r.ReadByte(); err != nil {
		return 0, err
	}
	now := time.Now()
	return min(probeSize/2/now.Sub(half).Seconds(), probeSize/now.Sub(begin).Seconds()), nil
}

// answerProbe takes the bytes of a probe and says when each half of them is here.
func answerProbe(w *wire, limit time.Duration) error {
	if err := w.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	for range 2 {
		if _, err := io.CopyN(io.Discard, w.r, probeSize/2); err != nil {
			return err
		}
		if _, err := w.conn.Write([]byte{1}); err != nil {
			return err
		}
	}
	return nil
}

// looker looks at the hop to a follower from time to time, and at the way to the link after it when the hop is suspicious.
type looker struct {
	f       *feeder
	w       *wire
	ctx     context.Context
	to      int // the follower
	hop     hop
	rate    float64      // of the hop when the look began
	results chan float64 // of the way to the next link; nil while nobody looks
	next    int
}

// lookEvery is how often a hop is sampled.
const lookEvery = 50 * time.Millisecond

// tick samples the hop, and returns the cause when the follower is to be put aside.
func (l *looker) tick(now time.Time, flowing, full bool) string {
	p := l.f.source.pressure()
	_, size := l.f.index.end()
	s := sample{now: now, sent: p.sent, backlog: p.backlog, left: size - p.sent, inflow: p.inflow, writing: l.w.writing,
		excused: !flowing || full || l.results != nil}
	rate, suspicious := l.hop.look(s)
	if rate > 0 && l.f.aside > 0 {
		l.f.lookout = !misjudged(l.f.aside, rate)
		l.f.aside = 0
	}
	if !suspicious || !l.f.lookout {
		return ""
	}
	next, ok := l.f.line.next(l.f.table, l.to)
	switch {
	case ok:
		l.rate, l.next, l.results = rate, next, make(chan float64, 1)
		results := l.results
		go func() {
			other, err := l.f.measure(l.ctx, next)
			if err != nil {
				other = 0 // nothing is known
			}
			results <- other
		}()
	case p.inflow > 0: // nobody to compare with, and nobody to lose by it: the head will feed the last link as well
		return "its link takes " + speed(rate) + ", that before it " + speed(p.inflow)
	}
	return ""
}

// seen takes the result of a look, and returns the cause when the follower is to be put aside.
func (l *looker) seen(now time.Time, other float64) string {
	l.results = nil
	if l.hop.found(now, l.rate, other) {
		l.f.aside = l.rate
		return "its link takes " + speed(l.rate) + ", that of " + l.f.plan.name(l.next) + " " + speed(other)
	}
	if l.f.slow != nil && other > 0 && l.f.source.pressure().inflow > l.rate*hopFactor {
		l.f.slow("its link gives " + speed(l.rate) + " to those after it and takes " + speed(l.f.source.pressure().inflow))
	}
	return ""
}
