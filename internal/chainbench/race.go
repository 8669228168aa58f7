package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"
)

// race is one run of a contestant at a place.
type race struct {
	contestant contestant
	place      *place
	fault      fault
	memory     bool          // follow the hosts' memory
	limit      time.Duration // from the start of the clock
	logs       string        // directory

	hosts []*party
	head  *party
}

// outcome is what a race gave.
type outcome struct {
	hosts  []ending
	cpu    time.Duration // of all processes, the head's included
	peaks  []int64       // the most that each host's processes had resident, in bytes; nil when nobody looked
	others float64       // share of the machine's time that was not this race's
}

// ending is how one host ended.
type ending struct {
	victim bool          // of the fault
	right  bool          // its file is the image
	at     time.Duration // when its processes had ended, from the start of the clock; 0: not within the limit
}

// run runs it until every host that can has ended, or to the limit, and ends the rest.
func (r *race) run(ctx context.Context) (outcome, error) {
	defer r.end()
	if err := r.fault.prepare(r.place); err != nil {
		return outcome{}, err
	}
	r.hosts = make([]*party, len(r.place.hosts))
	first, second := r.startHosts, r.startHead
	if r.contestant.order == headFirst {
		first, second = second, first
	}
	if err := first(ctx, true); err != nil {
		return outcome{}, err
	}
	clock, before := time.Now(), now()
	if err := second(ctx, false); err != nil {
		return outcome{}, err
	}
	o := r.watch(ctx)
	after := now()
	o.hosts = r.endings(clock)
	r.end()
	for i := range o.hosts {
		o.hosts[i].right = r.place.image.isCopy(r.place.file(i))
	}
	for _, y := range append(r.hosts, r.head) {
		o.cpu += y.cpu()
	}
	o.others = after.others(before, o.cpu)
	return o, context.Cause(ctx)
}

// startHosts starts the last host first, as some of them call the next at once.
func (r *race) startHosts(ctx context.Context, wait bool) error {
	for i := len(r.hosts) - 1; i >= 0; i-- {
		line, late := r.contestant.receive(r.place, i), r.fault.startsLate(i, len(r.hosts))
		if late {
			line = waiting(line)
		}
		y, err := r.start(ctx, r.place.hosts[i], line, wait && !late)
		if err != nil {
			return err
		}
		r.hosts[i] = y
	}
	return nil
}

func (r *race) startHead(ctx context.Context, wait bool) (err error) {
	r.head, err = r.start(ctx, r.place.head, r.contestant.send(r.place), wait)
	return err
}

func (r *race) start(ctx context.Context, s site, line pipeline, wait bool) (*party, error) {
	y, err := begin(ctx, s, line, r.contestant.env, filepath.Join(r.logs, s.name+".log"))
	if err == nil && wait {
		err = ready(ctx, y, s, r.contestant.listens)
	}
	return y, err
}

// watch lets the fault happen and waits for all whose end can be expected.
func (r *race) watch(ctx context.Context) (o outcome) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	var beside sync.WaitGroup
	beside.Go(func() { r.fault.strike(ctx, r.place, r.hosts) })
	if r.memory {
		beside.Go(func() { o.peaks = peaks(ctx, r.hosts) })
	}
	for _, y := range r.expected() {
		select {
		case <-y.ended:
		case <-ctx.Done():
		}
	}
	cancel()
	beside.Wait()
	return o
}

// expected are the hosts that are not struck down, and the head if nobody is: then it has nobody to wait for in vain.
func (r *race) expected() (parties []*party) {
	for i, y := range r.hosts {
		if !r.fault.fatal() || !r.fault.hits(i, len(r.hosts)) {
			parties = append(parties, y)
		}
	}
	if !r.fault.fatal() && r.contestant.order == hostsFirst {
		parties = append(parties, r.head)
	}
	return parties
}

// endings are when the hosts have ended, if they have.
func (r *race) endings(clock time.Time) (all []ending) {
	for i, y := range r.hosts {
		e := ending{victim: r.fault.hits(i, len(r.hosts))}
		select {
		case <-y.ended:
			e.at = y.at.Sub(clock)
		default:
		}
		all = append(all, e)
	}
	return all
}

// end kills all that still runs and waits for it.
func (r *race) end() {
	for _, y := range append(r.hosts, r.head) {
		if y != nil {
			y.kill()
			<-y.ended
		}
	}
}
