package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const mib = 1 << 20

// Scenario is a run as its seed has it.
type Scenario struct {
	Seed      uint64
	Size      int64 // of the image, in bytes
	Stream    bool  // the image comes from standard input
	Feed      int64 // bytes per second of the stream; 0: as fast as it is taken
	Chunk     int64 // bytes
	Rate      int64 // the sender's --rate in bytes per second; 0: none
	Links     int64 // what every host's link carries, in bits per second; 0: as much as the machine can
	Listen    bool  // the sender listens at a port that is given
	TLS       bool
	Race      bool // the programs have the race detector
	Impatient bool // the sender does not wait until the receivers listen
	Defaults  bool // of the tool: what follows, and what receivers are told, is what it does without being told

	Stall, Orphan, Linger, Gather time.Duration

	Receivers []Receiver
	Faults    []Fault
}

// Receiver is how one is started.
type Receiver struct {
	Output   Output
	Ring     int64         // bytes
	SlowSink time.Duration // 0: it never leaves for its sink
}

// Output is where a receiver puts the image.
type Output int

// Outputs: a file, the shell command that a user would give, and standard output.
const (
	ToFile Output = iota
	ToCommand
	ToStdout
)

func (o Output) String() string { return [...]string{"-o FILE", "-O COMMAND", "-o -"}[o] }

// wait is how long receivers wait for the first call.
const wait = 25 * time.Second

// on lists the faults of one target.
func (s *Scenario) on(target int) (all []Fault) {
	for _, f := range s.Faults {
		if f.Target == target {
			all = append(all, f)
		}
	}
	return all
}

// has finds the fault of a kind on a target.
func (s *Scenario) has(target int, k Kind) (Fault, bool) {
	for _, f := range s.Faults {
		if f.Target == target && f.Kind == k {
			return f, true
		}
	}
	return Fault{}, false
}

// sinkTime is how long a receiver's sink takes for the image at least.
func (s *Scenario) sinkTime(i int) time.Duration {
	if f, ok := s.has(i, SlowSink); ok {
		return seconds(float64(s.Size) / f.Amount)
	}
	if f, ok := s.has(i, StuckSink); ok {
		return f.For
	}
	return 0
}

// Work rates of one processor, in bytes per second and receiver: what a run costs that no link bounds.
const (
	workRate     = 150e6
	workRateRace = 12e6
)

// TransferTime is how long the image needs with all that is slow in the run, on a machine that works strain times slower than
// one that has nothing else to do. What fails adds its own time: that of Patience.
func (s *Scenario) TransferTime(strain float64) time.Duration {
	work := workRate
	if s.Race {
		work = workRateRace
	}
	took := seconds(strain * float64(s.Size) * float64(len(s.Receivers)) / work)
	for _, rate := range []int64{s.Feed, s.Rate, s.Links / 8} {
		if rate > 0 {
			took = max(took, seconds(float64(s.Size)/float64(rate)))
		}
	}
	for i := range s.Receivers {
		took += s.sinkTime(i)
		if f, ok := s.has(i, SlowLink); ok {
			took += 2 * seconds(float64(s.Size)/f.Amount)
		}
	}
	return took
}

// Patience is how much longer a sender may take for what fails: it finds out, waits, and feeds those apart that come back.
func (s *Scenario) Patience() time.Duration {
	took := s.Gather + s.Linger
	for _, f := range s.Faults {
		took += 3*s.Stall + f.For
		if f.Kind == Late {
			took += f.At.After
		}
	}
	return took
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Line is the scenario in short.
func (s *Scenario) Line() string {
	var faults []string
	for _, f := range s.Faults {
		name := f.Kind.String()
		if f.Target != Sender {
			name = hostName(f.Target) + " " + name
		}
		faults = append(faults, name)
	}
	return fmt.Sprintf("seed %d: %d receivers, %.1f MiB; %s", s.Seed, len(s.Receivers), float64(s.Size)/mib, strings.Join(faults, ", "))
}

// String is the scenario for people, over several lines.
func (s *Scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d receivers, %.1f MiB", s.Seed, len(s.Receivers), float64(s.Size)/mib)
	if s.Stream {
		b.WriteString(" from a stream")
	}
	if s.Feed > 0 {
		fmt.Fprintf(&b, " of %.1f MB/s", float64(s.Feed)/1e6)
	}
	if s.Links > 0 {
		fmt.Fprintf(&b, ", links of %d Mbit/s", s.Links/1e6)
	}
	if s.Rate > 0 {
		fmt.Fprintf(&b, ", --rate %.1f MB/s", float64(s.Rate)/1e6)
	}
	for _, mark := range []struct {
		set  bool
		text string
	}{{s.TLS, ", TLS"}, {s.Race, ", race detector"}, {s.Impatient, ", an impatient sender"}, {s.Defaults, ", defaults"}} {
		if mark.set {
			b.WriteString(mark.text)
		}
	}
	fmt.Fprintf(&b, "\n  chunk %d KiB, stall %v, orphan %v, linger %v, gather %v\n", s.Chunk>>10, s.Stall, s.Orphan, s.Linger, s.Gather)
	for i, r := range s.Receivers {
		fmt.Fprintf(&b, "  %-4s %-10s ring %d MiB, slow sink %v\n", hostName(i), r.Output, r.Ring>>20, r.SlowSink)
	}
	for _, f := range slices.SortedFunc(slices.Values(s.Faults), func(a, b Fault) int { return a.Target - b.Target }) {
		fmt.Fprintf(&b, "  * %s\n", f)
	}
	return b.String()
}
