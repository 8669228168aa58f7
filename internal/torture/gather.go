package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// gather waits for all ends, each within its bound or until ctx ends, and looks at what is there then.
func (r *run) gather(ctx context.Context) *Outcome {
	o := &Outcome{Strain: max(r.load, strain())}
	bound := r.TransferTime(o.Strain) + r.Patience() + stretched(o.Strain, 20*time.Second)
	o.Sender, o.Senders = r.sender.finish(ctx, r.zero.Add(bound))
	r.stop()
	r.acts.Wait()
	o.Strain = max(o.Strain, strain())
	o.Allowance = stretched(o.Strain, 10*time.Second)
	o.Struck = r.strikes
	for i := range r.receivers {
		o.Names = append(o.Names, r.stage.address(i))
	}
	o.Received = make([]Received, len(r.receivers))
	for _, frozen := range []bool{false, true} { // these end when we say so, and nobody else may be helped by that
		for i, one := range r.receivers {
			if one.frozen() == frozen {
				o.Received[i] = one.finish(ctx, r.zero.Add(r.last(i, o)+o.Allowance))
			}
		}
	}
	for _, p := range r.helpers {
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	o.Left = r.leftovers()
	for i, one := range r.receivers {
		o.Received[i].Content, o.Received[i].Beside = one.look()
	}
	o.Report, o.OK, o.KO = r.sender.papers()
	return o
}

// last is when a receiver has to be through: it may have to wait for a call, for another predecessor, and for its own sink.
func (r *run) last(i int, o *Outcome) time.Duration {
	last := o.Sender.Ended
	for _, s := range o.Struck {
		if s.Fault.Target == i || s.Fault.Target == Sender {
			last = max(last, s.Until)
		}
	}
	until := last + r.Orphan + 2*r.Stall + r.sinkTime(i)
	if p := r.receivers[i].current(); p != nil {
		until = max(until, p.began.Sub(r.zero)+wait)
	}
	return until
}

// leftovers gives the commands of receivers that were killed a moment to see it.
func (r *run) leftovers() []string {
	for range 100 {
		if len(left(r.id)) == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return left(r.id)
}

// strain is how many times slower this machine works for one of its many programs, from 1 to 5; deadlines stretch twice at most.
func strain() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _ := strconv.ParseFloat(strings.SplitN(string(text), " ", 2)[0], 64)
	return min(5, max(1, load/float64(runtime.NumCPU())))
}

func stretched(strain float64, d time.Duration) time.Duration {
	return time.Duration(min(2, strain) * float64(d))
}

// same compares two files.
func same(a, b string) bool {
	x, err := os.ReadFile(a)
	if err != nil {
		return false
	}
	y, err := os.ReadFile(b)
	return err == nil && bytes.Equal(x, y)
}

// lines reads a file of names; nil when there is none.
func lines(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func readReport(path string) *Report {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	r := &Report{}
	if json.Unmarshal(text, r) != nil {
		return nil
	}
	return r
}
