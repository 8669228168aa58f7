package main

import (
	"fmt"
	"slices"
	"time"
)

// row is what the runs of one contestant in one scenario say. Numbers that do not apply are nil.
type row struct {
	Scenario   string   `json:"scenario"`
	Contestant string   `json:"contestant"`
	Runs       int      `json:"runs"`
	Hosts      int      `json:"hosts"`
	Right      int      `json:"right"`             // hosts that had the image, in the worst run
	Seconds    *float64 `json:"seconds,omitempty"` // until all but a fault's victims had it and had ended; median
	OfIdeal    *float64 `json:"of_ideal,omitempty"`
	Lost       *float64 `json:"seconds_lost,omitempty"` // Seconds less those of the undisturbed scenario
	MBps       *float64 `json:"megabytes_per_second,omitempty"`
	CPU        *float64 `json:"cpu_ns_per_byte_and_hop,omitempty"`
	PeakMax    *float64 `json:"peak_rss_max_mib,omitempty"`
	PeakMean   *float64 `json:"peak_rss_mean_mib,omitempty"`
	Others     *float64 `json:"others_percent,omitempty"` // of the machine's time
	Note       string   `json:"note,omitempty"`
}

// rows sums up a scenario, and takes from its times those of base, which may be nil.
func rows(s scenario, entries, base []*entry) (all []row) {
	for _, e := range entries {
		r := sumUp(s, e)
		for _, b := range base {
			if b.contestant.name != e.contestant.name {
				continue
			}
			if quiet := median(b.times()); quiet != nil && r.Seconds != nil {
				r.Lost = number(*r.Seconds - *quiet)
			}
		}
		all = append(all, r)
	}
	return all
}

func sumUp(s scenario, e *entry) row {
	r := row{Scenario: s.id, Contestant: e.contestant.name, Runs: len(e.outcomes)}
	if e.missing.command != "" {
		r.Note = fmt.Sprintf("%s is not installed: Debian package %s", e.missing.command, e.missing.debian)
		return r
	}
	var cpu, most, mean, others []float64
	for i, o := range e.outcomes {
		r.Hosts = len(o.hosts)
		if right := o.right(); i == 0 || right < r.Right {
			r.Right = right
		}
		cpu = append(cpu, float64(o.cpu.Nanoseconds())/float64(s.size*int64(len(o.hosts))))
		others = append(others, 100*o.others)
		if len(o.peaks) > 0 {
			most = append(most, float64(slices.Max(o.peaks))/mib)
			mean = append(mean, float64(sum(o.peaks))/float64(len(o.peaks))/mib)
		}
	}
	r.Seconds = median(e.times())
	r.CPU, r.PeakMax, r.PeakMean, r.Others = median(cpu), median(most), median(mean), median(others)
	if r.Seconds != nil {
		r.MBps = number(float64(s.size) / 1e6 / *r.Seconds)
		if s.rate > 0 {
			r.OfIdeal = number(float64(8*s.size) / float64(s.rate) / *r.Seconds)
		}
	}
	r.Note = e.note(s.limit)
	return r
}

// times are those of the runs in which every host that was not struck had the image.
func (e *entry) times() (seconds []float64) {
	for _, o := range e.outcomes {
		if t, ok := o.time(); ok {
			seconds = append(seconds, t.Seconds())
		}
	}
	return seconds
}

// note says what the numbers do not: in how many runs somebody was left out, and how.
func (e *entry) note(limit time.Duration) string {
	bad, late := 0, false
	for _, o := range e.outcomes {
		if _, ok := o.time(); !ok {
			bad++
		}
		late = late || o.late()
	}
	switch {
	case late:
		return fmt.Sprintf("did not return in %.0f s", limit.Seconds())
	case bad > 0 && bad < len(e.outcomes):
		return fmt.Sprintf("hosts without the image in %d of %d runs", bad, len(e.outcomes))
	case bad > 0:
		return "returned, but not with the image everywhere"
	}
	return e.contestant.remark
}

// late says if a host that nothing was done to had not ended within the limit.
func (o outcome) late() bool {
	return slices.ContainsFunc(o.hosts, func(e ending) bool { return !e.victim && e.at == 0 })
}

// time is when the last host that nothing was done to had ended; false when one of them did not or has not the image.
func (o outcome) time() (last time.Duration, ok bool) {
	for _, e := range o.hosts {
		if e.victim {
			continue
		}
		if !e.right || e.at == 0 {
			return 0, false
		}
		last = max(last, e.at)
	}
	return last, true
}

func (o outcome) right() (n int) {
	for _, e := range o.hosts {
		if e.right {
			n++
		}
	}
	return n
}

// median of an even number of values is the mean of the two in the middle; nil of none.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	v := slices.Sorted(slices.Values(values))
	return number((v[(len(v)-1)/2] + v[len(v)/2]) / 2)
}

func sum(values []int64) (s int64) {
	for _, v := range values {
		s += v
	}
	return s
}

func number(f float64) *float64 { return &f }
