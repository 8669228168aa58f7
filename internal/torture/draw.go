package torture

import (
	"math/rand/v2"
	"time"
)

// Means are what a machine offers to runs.
type Means struct {
	Cables bool // links can be cut and limited
	Race   bool // there are programs with the race detector
}

// New draws a scenario.
func New(seed uint64, means Means) *Scenario {
	d := &draw{rand.New(rand.NewPCG(seed, 0x6b61646570)), means}
	s := &Scenario{Seed: seed}
	d.image(s)
	d.settings(s)
	for faults, tries := d.between(0, 4), 0; len(s.Faults) < faults && tries < 50; tries++ {
		d.fault(s)
	}
	if d.chance(0.1) && means.Cables {
		d.add(s, Fault{Kind: SlowLink, Target: d.IntN(len(s.Receivers))})
	}
	return s
}

// draw makes the choices of a scenario.
type draw struct {
	*rand.Rand
	means Means
}

func (d *draw) chance(p float64) bool { return d.Float64() < p }

// between is one of a to b.
func (d *draw) between(a, b int) int { return a + d.IntN(b-a+1) }

func (d *draw) span(from, to time.Duration) time.Duration {
	return (from + time.Duration(d.Int64N(int64(to-from)+1))).Round(time.Millisecond)
}

func (d *draw) real(from, to float64) float64 { return from + d.Float64()*(to-from) }

func one[T any](d *draw, of ...T) T { return of[d.IntN(len(of))] }

func (d *draw) image(s *Scenario) {
	n := d.between(4, 8)
	if d.chance(0.2) {
		n = d.between(3, 12)
	}
	s.Receivers = make([]Receiver, n)
	s.Race = d.chance(0.3) && d.means.Race
	s.Size = d.Int64N(48*mib-mib) + mib
	if s.Race {
		s.Size = d.Int64N(12*mib) + mib
	}
	if s.Chunk = one(d, int64(mib), mib, mib, mib/4, 4*mib); d.chance(0.1) {
		s.Size -= s.Size % s.Chunk // no part of a chunk at the end
		s.Size = max(s.Size, s.Chunk)
	}
	s.Stream = d.chance(0.35)
	switch {
	case s.Stream && d.chance(0.5):
		s.Feed = d.Int64N(20e6) + 4e6
	case d.chance(0.2):
		s.Rate = d.Int64N(20e6) + 4e6
	}
	if d.chance(0.6) && d.means.Cables {
		s.Links = int64(d.between(50, 400)) * 1e6
	}
}

func (d *draw) settings(s *Scenario) {
	s.TLS, s.Listen, s.Defaults = d.chance(0.25), d.chance(0.3), d.chance(0.35)
	s.Stall, s.Orphan, s.Linger, s.Gather = 2*time.Second, 30*time.Second, 0, 5*time.Second
	if !s.Defaults {
		s.Stall = one(d, time.Second, 2*time.Second, 2*time.Second)
		s.Orphan = d.span(10*time.Second, 16*time.Second)
		s.Linger = d.span(6*time.Second, 12*time.Second)
		s.Gather = one(d, 5*time.Second, 5*time.Second, time.Second, 0)
	}
	s.Impatient = d.chance(0.15) && s.Gather > 0
	for i := range s.Receivers {
		r := Receiver{Output: one(d, ToFile, ToFile, ToFile, ToCommand, ToStdout), Ring: 64 * mib, SlowSink: 2 * time.Second}
		if !s.Defaults {
			r.Ring = one(d, int64(64), 64, 16, 4, 1) * mib
			r.SlowSink = one(d, 2*time.Second, 2*time.Second, time.Second, 0)
		}
		s.Receivers[i] = r
	}
}

// fault draws one, and adds it if it is possible.
func (d *draw) fault(s *Scenario) {
	total := 0
	for _, t := range traits {
		total += t.weight
	}
	at := d.IntN(total)
	for k, t := range traits {
		if at -= t.weight; at < 0 {
			f := Fault{Kind: Kind(k), Target: d.target(s)}
			if t.part == sender {
				f.Target = Sender
			}
			d.add(s, f)
			return
		}
	}
}

// target prefers the ends of the chain, and neighbours of those that have a fault already.
func (d *draw) target(s *Scenario) int {
	last := len(s.Receivers) - 1
	switch n := len(s.Faults); {
	case d.chance(0.2):
		return 0
	case d.chance(0.2):
		return last
	case n > 0 && s.Faults[n-1].Target != Sender && d.chance(0.5):
		return min(last, s.Faults[n-1].Target+1)
	}
	return d.IntN(last + 1)
}

// add takes a fault in, with all that is still open, unless there can be none of its kind here or it would hide another one.
func (d *draw) add(s *Scenario, f Fault) {
	t := traits[f.Kind]
	if t.cables && !d.means.Cables || f.Kind == SenderRestarted && s.Stream {
		return
	}
	for _, other := range s.on(f.Target) {
		if traits[other.Kind].part == t.part {
			return
		}
	}
	f.For, f.Amount = d.extent(s, f.Kind)
	if t.strikes {
		f.At = d.moment(f.Kind)
	}
	if f.Kind == Corrupting {
		f.Ways = one(d, "in", "out", "both", "both")
	}
	s.Faults = append(s.Faults, f)
}

// extent is for how long, and how much.
func (d *draw) extent(s *Scenario, k Kind) (time.Duration, float64) {
	size := float64(s.Size)
	switch k {
	case Restarted:
		return d.span(0, 4*time.Second), 0
	case Paused:
		return d.span(200*time.Millisecond, 6*time.Second), 0
	case Unplugged:
		return d.span(500*time.Millisecond, 6*time.Second), 0
	case Flapping:
		return d.span(2*time.Second, 8*time.Second), 0
	case SenderRestarted:
		return d.span(100*time.Millisecond, 4*time.Second), 0
	case SenderPaused:
		return d.span(500*time.Millisecond, 5*time.Second), 0
	case SenderUnplugged:
		return d.span(500*time.Millisecond, 4*time.Second), 0
	case Corrupting:
		return 0, one(d, 0.02, 0.1, 0.3, 1, 4)
	case Breaking:
		return 0, d.real(1, 20)
	case SlowSink, SlowLink:
		return 0, max(d.real(1e6, 8e6), size/8)
	case StuckSink:
		return d.span(time.Second, 7*time.Second), d.real(0, 1)
	case Stalling:
		return d.span(500*time.Millisecond, 6*time.Second), d.real(0, 1)
	case FullDisk:
		return 0, d.real(0.1, 0.9)
	}
	return 0, 0
}

// moment is one of the first 100 ms, of the very end, or of any time between.
func (d *draw) moment(k Kind) Moment {
	switch {
	case k == Late:
		return Moment{After: d.span(100*time.Millisecond, 5*time.Second)}
	case d.chance(0.15):
		return Moment{After: d.span(0, 100*time.Millisecond)}
	case d.chance(0.2):
		return Moment{Fraction: 1, After: d.span(0, 300*time.Millisecond)}
	case d.chance(0.2):
		return Moment{After: d.span(0, 4*time.Second)}
	}
	return Moment{Fraction: float64(d.between(2, 99)) / 100}
}
