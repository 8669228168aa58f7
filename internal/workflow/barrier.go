package workflow

import "time"

// barrier is where nodes wait for the chain.
//
// The first transfer starts when every expected node has arrived, or when a quorum has and the grace time is over since then.
// The quorum is MinNodes, or half of the expected, rounded up. A node that arrives later (slower, or after a retry) waits for
// the next transfer, which starts once the chain of the last one has ended, by the same rule with a quorum of one: whoever is
// first waits no longer than the grace time. Expected are the living nodes that are still to come to the chain: not those that
// a transfer feeds, so that nobody waits for a straggler. Nodes with a Dummy broadcast neither wait nor are waited for.
//
// A transfer that a break of the server has interrupted goes on with those who have kept what they had of it, without the others, who need
// one from the beginning. They come first; they wait only for those who may have kept it, too, or as above. Where nodes come from several
// transfers, these go on one after the other.
type barrier struct {
	rounds  int  // transfers started
	running bool // the chain of the last one has not ended

	ticking bool      // a quorum stands here
	since   time.Time // since when, while ticking

	asked bool      // the caller was asked to wake us
	at    time.Time // at that time
}

// startChain starts a transfer when the rule says so, or asks to be woken when only the grace time is missing.
func (d *Deployment) startChain(now time.Time) {
	if d.ended {
		return
	}
	b := &d.chain
	if d.tally.arrived == 0 || d.tally.arrived < d.chainQuorum() {
		b.ticking = false
	} else if !b.ticking {
		b.ticking, b.since = true, now
	}
	if b.running || d.tally.arrived == 0 {
		return
	}
	deadline := b.since.Add(d.grace)
	switch {
	case d.tally.arrived == d.tally.expected, d.tally.holding > 0 && d.tally.coming == 0, b.ticking && !now.Before(deadline):
		d.broadcast(now)
	case b.ticking && !(b.asked && b.at.Equal(deadline)):
		b.asked, b.at = true, deadline
		d.do(WakeAt{deadline})
	}
}

func (d *Deployment) chainQuorum() int {
	switch {
	case d.chain.rounds > 0:
		return 1
	case d.min > 0:
		return d.min
	}
	return (d.tally.expected + 1) / 2
}

func (d *Deployment) broadcast(now time.Time) {
	transfer := d.nextTransfer()
	var hosts []string
	for _, n := range d.nodes {
		if n.state == arrived && !n.phase.Settled() && n.transfer == transfer {
			d.tally.add(n, -1)
			n.depart(now)
			d.tally.add(n, +1)
			hosts = append(hosts, n.Host)
		}
	}
	d.chain = barrier{rounds: d.chain.rounds + 1, running: true}
	d.do(Broadcast{hosts})
}

// nextTransfer is the first that nodes before the chain have kept a part of, or a new one.
func (d *Deployment) nextTransfer() string {
	for _, n := range d.nodes {
		if n.state == arrived && !n.phase.Settled() && n.transfer != "" {
			return n.transfer
		}
	}
	return ""
}
