package torture

import (
	"fmt"
	"time"
)

// Kind is what happens to a receiver or to the sender.
type Kind int

// The faults. Those of a sink, a link or a proxy last for the whole run; the others strike at a moment.
const (
	Killed Kind = iota
	Restarted
	Frozen
	Paused
	Cut
	Unplugged
	Flapping
	Late
	Corrupting
	Breaking
	Stalling
	SlowSink
	StuckSink
	FullDisk
	SlowLink
	SenderRestarted
	SenderPaused
	SenderUnplugged
	kindCount
)

// part is what of a host a fault touches: two faults of one part would hide each other.
type part int

const (
	life part = iota
	way
	sink
	link
	sender
)

// trait is what is to be known of a kind.
type trait struct {
	name    string
	part    part
	weight  int  // how often it is drawn, against the others
	deadly  bool // the receiver cannot be expected to have the image
	strikes bool // at a moment
	passes  bool // after a while
	cables  bool // needs links that can be cut or limited
}

var traits = [kindCount]trait{
	Killed:          {"killed", life, 12, true, true, false, false},
	Restarted:       {"killed and started again", life, 8, false, true, true, false},
	Frozen:          {"frozen for good", life, 8, true, true, false, false},
	Paused:          {"frozen for a while", life, 12, false, true, true, false},
	Cut:             {"cut off for good", life, 8, true, true, false, true},
	Unplugged:       {"cut off for a while", life, 12, false, true, true, true},
	Flapping:        {"cut off again and again", life, 5, false, true, true, true},
	Late:            {"started late", life, 7, false, true, false, false},
	Corrupting:      {"behind a way that flips bits", way, 12, false, false, false, false},
	Breaking:        {"behind a way that breaks", way, 7, false, false, false, false},
	Stalling:        {"behind a way that stops for a while", way, 7, false, false, false, false},
	SlowSink:        {"a slow sink", sink, 7, false, false, false, false},
	StuckSink:       {"a sink that stops for a while", sink, 6, false, false, false, false},
	FullDisk:        {"a full disk", sink, 6, true, false, false, false},
	SlowLink:        {"a slow link", link, 7, false, false, false, true},
	SenderRestarted: {"the sender killed and started again", sender, 8, false, true, true, false},
	SenderPaused:    {"the sender frozen for a while", sender, 7, false, true, true, false},
	SenderUnplugged: {"the sender cut off for a while", sender, 4, false, true, true, true},
}

func (k Kind) String() string { return traits[k].name }

// Sender is the target of a fault that is no receiver's.
const Sender = -1

// Fault is one thing that goes wrong.
type Fault struct {
	Kind   Kind
	Target int           // a receiver from 0 on, or Sender
	At     Moment        // of those that strike
	For    time.Duration // of those that pass, and how long a sink stops
	Amount float64       // bytes per second of a slow sink or link; flips per MiB; MiB between two breaks; fraction of the image that fits on a disk, or after which a sink or a way stops
	Ways   string        // of a way that flips bits: towards the receiver "in", from it "out", or "both"
}

// Moment is a time in a run: After the first receiver has put out so much of the image; 0 is when the sender is started.
type Moment struct {
	Fraction float64
	After    time.Duration
}

func (m Moment) String() string {
	switch {
	case m.Fraction == 0:
		return fmt.Sprintf("%v after the start", m.After)
	case m.After == 0:
		return fmt.Sprintf("at %.0f %%", 100*m.Fraction)
	}
	return fmt.Sprintf("%v after %.0f %%", m.After, 100*m.Fraction)
}

// String says what happens, and when.
func (f Fault) String() string {
	text := f.Kind.String()
	if f.Target != Sender {
		text = fmt.Sprintf("%s: %s", hostName(f.Target), text)
	}
	switch f.Kind {
	case Corrupting:
		text += fmt.Sprintf(", %.2f in a MiB, %s", f.Amount, f.Ways)
	case Breaking:
		text += fmt.Sprintf(" every %.1f MiB or so", f.Amount)
	case SlowSink, SlowLink:
		text += fmt.Sprintf(", %.2f MB/s", f.Amount/1e6)
	case StuckSink, Stalling:
		text += fmt.Sprintf(", %v at %.0f %%", f.For, 100*f.Amount)
	case FullDisk:
		text += fmt.Sprintf(" at %.0f %%", 100*f.Amount)
	}
	if traits[f.Kind].passes {
		text += fmt.Sprintf(", %v", f.For)
	}
	if traits[f.Kind].strikes {
		text += ", " + f.At.String()
	}
	return text
}

// hostName is how transcripts call receiver i.
func hostName(i int) string {
	if i == Sender {
		return "the sender"
	}
	return fmt.Sprintf("n%d", i+1)
}
