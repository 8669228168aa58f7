package torture

import "time"

// Outcome is what became of a run: facts only. Times count from the sender's first start; what happened before is negative.
type Outcome struct {
	Names []string // of the receivers, as the sender has them

	Sender    Ending
	Senders   []Ending      // of those that were killed before it
	Allowance time.Duration // what a deadline has to be late by before it counts: the machine has other things to do, too
	Strain    float64       // how many times slower than alone it worked

	Report   *Report  // nil: none that could be read
	OK, KO   []string // the files that the sender wrote; nil: there is none
	Received []Received
	Struck   []Strike // which faults came to pass, in order
	Left     []string // programs that were still there at the end
}

// Ending is how a program ended.
type Ending struct {
	Began, Ended time.Duration
	Code         int  // -1: a signal ended it
	Overdue      bool // it had to be ended
	Stderr       string
}

// Received is what became of a receiver.
type Received struct {
	Ending       // of the last one started
	Started bool // at all
	Earlier []Ending
	Content Content  // of its file
	Beside  []string // what else is in its directory
}

// Content is what is in a receiver's file.
type Content int

// Contents of a file.
const (
	Nothing Content = iota // there is no file
	Whole
	Wrong // or not all of it
)

func (c Content) String() string {
	return [...]string{"no file", "the image", "something else than the image"}[c]
}

// Strike is a fault that came to pass.
type Strike struct {
	Fault  Fault
	From   time.Duration
	Until  time.Duration // of one that passed
	Missed bool          // whom it was for had ended, or the moment never came
}

// Report is what the judge reads of the sender's report.
type Report struct {
	OK       int    `json:"ok"`
	KO       int    `json:"ko"`
	Bytes    int64  `json:"bytes"`
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error"`
	Nodes    []Node `json:"nodes"`
}

// Node is a receiver in it.
type Node struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Bytes   int64  `json:"bytes"`
	Late    bool   `json:"late"`
	Corrupt int    `json:"corrupt"`
	Cause   string `json:"cause"`
	Skips   []Skip `json:"skips"`
}

// Skip is how a receiver left the chain.
type Skip struct {
	By    string `json:"by"`
	Cause string `json:"cause"`
}

// struck finds the strike of a kind on a target, if it came to pass.
func (o *Outcome) struck(target int, kinds ...Kind) (Strike, bool) {
	for _, s := range o.Struck {
		for _, k := range kinds {
			if s.Fault.Target == target && s.Fault.Kind == k && !s.Missed {
				return s, true
			}
		}
	}
	return Strike{}, false
}
