package main

import (
	"context"
	"syscall"
	"time"
)

// fault is what happens to hosts in the middle of a broadcast. The zero fault is none.
type fault struct {
	signal  syscall.Signal // sent to all processes of the victims when half of the image has come over the first one's link, or that of the first host if they are late
	victims int            // neighbours; the first of them is the one in the middle of the hosts
	slow    bool           // the victims' links carry a tenth from the beginning
	late    bool           // the victims wait for the signal before they start, and are to have everything in the end
}

// hits says if the i-th of n hosts is a victim.
func (f fault) hits(i, n int) bool { return f.victims > 0 && i >= n/2 && i < n/2+f.victims }

// fatal says that a victim cannot be expected to end.
func (f fault) fatal() bool { return f.signal != 0 && !f.late }

// startsLate says if the i-th of n hosts is one that does.
func (f fault) startsLate(i, n int) bool { return f.late && f.hits(i, n) }

// waiting is a program that stops itself before it begins, until it gets SIGCONT.
func waiting(line pipeline) pipeline {
	return pipeline{append([]string{"sh", "-c", `kill -STOP $$; exec "$0" "$@"`}, line[0]...)}
}

// prepare does what is done before the broadcast.
func (f fault) prepare(p *place) error {
	for i := range p.hosts {
		if !f.slow || !f.hits(i, len(p.hosts)) {
			continue
		}
		if err := p.lab.Host(p.hosts[i].name).Limit(p.rate / 10); err != nil {
			return err
		}
	}
	return nil
}

// strike waits for the middle of the broadcast and does what is done then. It returns early when ctx is done.
func (f fault) strike(ctx context.Context, p *place, hosts []*party) {
	if f.signal == 0 {
		return
	}
	first := hosts[len(hosts)/2]
	if f.late {
		first = hosts[0] // the victims have nothing
	}
	for tick := time.Tick(2 * time.Millisecond); first.received() < p.image.size/2; {
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
	}
	for i, y := range hosts {
		if f.hits(i, len(hosts)) {
			y.signal(f.signal)
		}
	}
}
