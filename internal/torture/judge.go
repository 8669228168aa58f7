package torture

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Judge says in a line each what a run broke of the tool's promises.
func Judge(s *Scenario, o *Outcome) []string {
	j := &judge{Scenario: s, Outcome: o, names: o.Names}
	for i := range s.Receivers {
		j.receiver(i)
		j.listed(i)
	}
	j.sender()
	j.ends()
	return j.wrong
}

// judge gathers what is wrong.
type judge struct {
	*Scenario
	*Outcome
	names []string
	wrong []string
}

func (j *judge) complain(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// receiver: what it says, and what it leaves, is the truth; and it has the image if that was possible at all.
func (j *judge) receiver(i int) {
	r, name := j.Received[i], hostName(i)
	ok := r.Started && r.Code == 0
	if ok && r.Content != Whole {
		j.complain("%s exited 0 and has %v", name, r.Content)
	}
	if j.whole(i) && r.Content == Wrong {
		j.complain("%s has a file that is not the image under its final name", name)
	}
	if j.whole(i) && r.Code >= 0 && len(r.Earlier) == 0 && len(r.Beside) > 0 {
		j.complain("%s left %v behind", name, r.Beside)
	}
	if !ok && r.Started && j.able(i) && !j.excused(i) {
		j.complain("%s could have the image, and exited %d: %s", name, r.Code, lastLine(r.Stderr))
	}
	if _, full := j.has(i, FullDisk); full && ok {
		j.complain("%s exited 0 and its disk was full", name)
	}
	if _, frozen := j.struck(i, Frozen); r.Overdue && !frozen {
		j.complain("%s hung: it had to be ended at %.1f s", name, r.Ended.Seconds())
	}
	for _, e := range append(slices.Clone(r.Earlier), r.Ending) {
		j.said(name, e, j.Receivers[i].Output == ToCommand)
	}
}

// whole reports whether a receiver promises that its file is whole whenever it is there.
func (j *judge) whole(i int) bool {
	for _, k := range []Kind{SlowSink, StuckSink, FullDisk} {
		if _, ok := j.has(i, k); ok {
			return false
		}
	}
	return j.Receivers[i].Output == ToFile
}

// able reports whether nothing happened to a receiver that keeps it from having the image in the end.
func (j *judge) able(i int) bool {
	_, full := j.has(i, FullDisk)
	_, dead := j.struck(i, Killed, Frozen, Cut)
	return !full && !dead
}

// back is when a receiver was there again, or there at all.
func (j *judge) back(i int) (at time.Duration, away bool) {
	for _, target := range []int{i, Sender} {
		for _, k := range []Kind{Restarted, Paused, Unplugged, Flapping, Late, SenderUnplugged} {
			if s, ok := j.struck(target, k); ok {
				at, away = max(at, s.Until), true
			}
		}
	}
	if j.Impatient {
		at, away = max(at, j.Received[i].Began), true
	}
	return at, away
}

// excused reports whether a receiver came back when the sender had ended, or was about to: nobody calls it then, and it can call
// nobody. Nor is one called that is started again after it had everything.
func (j *judge) excused(i int) bool {
	if len(j.Received[i].Earlier) > 0 && slices.Contains(j.OK, j.names[i]) { // the program before it has done all that was to do
		return true
	}
	at, away := j.back(i)
	return away && at+j.Stall/2+stretched(j.Strain, time.Second) > j.Outcome.Sender.Ended
}

// listed: the sender's lists are right about a receiver.
func (j *judge) listed(i int) {
	r, name := j.Received[i], hostName(i)
	ok, ko := slices.Contains(j.OK, j.names[i]), slices.Contains(j.KO, j.names[i])
	if ok == ko && (j.OK != nil || j.KO != nil) {
		j.complain("%s is in both lists of the sender, or in none", name)
	}
	_, struck := j.struck(i, Killed, Frozen, Restarted)
	if again := len(r.Earlier) > 0 && !j.whole(i); ok && r.Content != Whole && !again { // a second program begins such a file anew
		j.complain("%s is in the sender's OK list and has %v", name, r.Content)
	}
	if ok && !struck && r.Code != 0 {
		j.complain("%s is in the sender's OK list and exited %d: %s", name, r.Code, lastLine(r.Stderr))
	}
	if ko && r.Started && r.Code == 0 && !j.unheard(i) {
		j.complain("%s exited 0 and is in the sender's KO list", name)
	}
}

// unheard reports whether a receiver may have finished without the sender's knowing: it, or the sender, was away, or it was about to
// end when the sender was started again.
func (j *judge) unheard(i int) bool {
	if j.Outcome.Sender.Code < 0 || j.Report != nil && j.Report.Error != "" {
		return true
	}
	if _, away := j.struck(i, Cut, Unplugged, Flapping, Paused); away {
		return true
	}
	_, away := j.struck(Sender, SenderUnplugged)
	return away || len(j.Senders) > 0 && j.Received[i].Ended < j.Outcome.Sender.Began+2*j.Stall
}

// sender: its exit code, its report and its lists say the same.
func (j *judge) sender() {
	s := j.Outcome.Sender
	if s.Overdue {
		j.complain("the sender hung: it had to be ended at %.1f s", s.Ended.Seconds())
		return
	}
	for _, e := range append(slices.Clone(j.Senders), s) {
		j.said("the sender", e, false)
	}
	if j.Report == nil || j.OK == nil || j.KO == nil {
		j.complain("the sender exited %d and left no report, or no lists: %s", s.Code, lastLine(s.Stderr))
		return
	}
	want := 2
	switch {
	case len(j.KO) == 0:
		want = 0
	case len(j.OK) == 0 || j.Report.Error != "":
		want = 1
	}
	if s.Code != want || j.Report.ExitCode != want {
		j.complain("the sender exited %d, and %d by its report, where its lists mean %d", s.Code, j.Report.ExitCode, want)
	}
	if j.Report.Error != "" {
		j.complain("the sender could not go on: %s", j.Report.Error)
	}
	if len(j.Report.Nodes) != len(j.names) || j.Report.OK != len(j.OK) || j.Report.KO != len(j.KO) {
		j.complain("the report has %d machines, %d OK, %d KO; the lists have %d and %d", len(j.Report.Nodes), j.Report.OK, j.Report.KO, len(j.OK), len(j.KO))
		return
	}
	for i, n := range j.Report.Nodes {
		switch {
		case n.Name != j.names[i] || n.OK != slices.Contains(j.OK, n.Name):
			j.complain("the report and the lists do not agree about %s", hostName(i))
		case n.OK && (n.Bytes != j.Size || n.Cause != ""):
			j.complain("%s is OK with %d of %d bytes, cause %q", hostName(i), n.Bytes, j.Size, n.Cause)
		case !n.OK && (n.Cause == "" || strings.ContainsAny(n.Cause, "\n\r\t")):
			j.complain("%s is KO and the cause is no line: %q", hostName(i), n.Cause)
		}
	}
	j.spoiled()
}

// ends: nothing is left.
func (j *judge) ends() {
	for _, one := range j.Left {
		j.complain("left running: %s", one)
	}
}

var (
	trouble  = regexp.MustCompile(`(?m)^(panic|fatal error|WARNING: DATA RACE|goroutine \d+|runtime: |unexpected fault).*$`)
	expected = regexp.MustCompile(`^(torture: |listening on |received \d+ bytes |\s*\d+\.\d s  |[0-9.]+(:\d+)? (skipped by|stepped out|failed|is back|got \d+ chunks? corrupt)|the chain is through)`)
)

// said: what a program says is meant for people, and a failure is one line, after what its command says.
func (j *judge) said(name string, e Ending, command bool) {
	if found := trouble.FindString(e.Stderr); found != "" && !e.Overdue {
		j.complain("%s says %q", name, found)
		return
	}
	var rest []string
	for line := range strings.Lines(e.Stderr) {
		if line = strings.TrimRight(line, "\n"); !expected.MatchString(line) {
			rest = append(rest, line)
		}
	}
	failed := e.Code == 1 && name != "the sender"
	switch {
	case e.Overdue || e.Code < 0:
	case failed && (len(rest) == 0 || !strings.HasPrefix(rest[len(rest)-1], "kadeploy-agent: ")):
		j.complain("%s exited %d and does not say why: %q", name, e.Code, lastLine(e.Stderr))
	case len(rest) > 1 && !command || len(rest) == 1 && !strings.HasPrefix(rest[0], "kadeploy-agent: ") && !failed:
		j.complain("%s says more than a line: %q", name, rest)
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
