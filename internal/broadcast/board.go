package broadcast

import (
	"fmt"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// board is what is known of a broadcast under way. Its methods return what a person is told at once, or "".
type board struct {
	size  int64 // -1: not known
	nodes map[string]*node
	speed meter
}

// node is one machine. One that is out of the chain may come back, late.
type node struct {
	state     chain.State
	received  int64
	out, late bool
}

func newBoard(links []chain.Link, size int64) *board {
	b := &board{size: size, nodes: make(map[string]*node, len(links))}
	for _, l := range links {
		b.nodes[l.Name] = &node{}
	}
	return b
}

// moved takes an account of a machine.
func (b *board) moved(p chain.Progress) string {
	n := b.nodes[p.Name]
	if n == nil {
		return ""
	}
	cameBack := p.Late && !n.late && p.State == chain.Receiving
	failed := p.State == chain.Failed && n.state != chain.Failed && !n.out
	n.state, n.received = p.State, p.Received
	if p.Late && p.State >= chain.Receiving {
		n.late, n.out = true, false
	}
	switch {
	case failed:
		return fmt.Sprintf("%s failed at %s: %s", p.Name, size(p.Received), wording.Clean(p.Cause))
	case cameBack:
		return fmt.Sprintf("%s is back at %s: the head feeds it", p.Name, size(p.Received))
	}
	return ""
}

// skipped takes that a machine left the chain: by its own wish, or because another one or the head gave it up.
func (b *board) skipped(s chain.Skip) string {
	if n := b.nodes[s.Name]; n != nil {
		n.out, n.late = true, false
	}
	how := "skipped by " + s.By
	if s.By == s.Name {
		how = "stepped out"
	}
	return fmt.Sprintf("%s %s at %s: %s", s.Name, how, size(s.Offset), wording.Clean(s.Cause))
}

// spoiled takes that chunks arrived corrupt at a machine.
func (b *board) spoiled(s chain.Spoil) string { return wording.Clean(s.String()) }

// passed takes that the chain is through, and for how long the head goes on for those it lost.
func (b *board) passed(linger time.Duration) string {
	out, late := 0, 0
	for _, n := range b.nodes {
		switch {
		case n.out:
			out++
		case n.late && n.state < chain.Failed:
			late++
		}
	}
	if late == 0 && (out == 0 || linger == 0) {
		return ""
	}
	text := "the chain is through"
	if late > 0 {
		text += fmt.Sprintf("; %s fed late", machines(late))
	}
	if out > 0 && linger > 0 {
		text += fmt.Sprintf("; %s lost, called for %v more", machines(out), linger)
	}
	return text
}

// count says how many machines have everything, how many are lost at this moment, and how many the head feeds apart.
func (b *board) count() (done, lost, late int) {
	for _, n := range b.nodes {
		switch {
		case n.state == chain.Done:
			done++
		case n.out || n.state == chain.Failed:
			lost++
		case n.late:
			late++
		}
	}
	return done, lost, late
}

// reach is how far the slowest of the machines that are still being fed is: of the chain, or, when that is through, of the others.
func (b *board) reach() int64 {
	inChain, apart, most := int64(-1), int64(-1), int64(0)
	for _, n := range b.nodes {
		most = max(most, n.received)
		slowest := &inChain
		switch {
		case n.state >= chain.Failed || n.out:
			continue
		case n.late:
			slowest = &apart
		}
		if *slowest < 0 || n.received < *slowest {
			*slowest = n.received
		}
	}
	switch {
	case inChain >= 0:
		return inChain
	case apart >= 0:
		return apart
	}
	return most
}

// line is the state of things on one line.
func (b *board) line(now time.Time) string {
	at := b.reach()
	rate := b.speed.rate(now, at)
	var parts []string
	if b.size > 0 {
		parts = append(parts, fmt.Sprintf("%3d %%  %s of %s", 100*min(at, b.size)/b.size, size(at), size(b.size)))
	} else {
		parts = append(parts, size(at))
	}
	parts = append(parts, perSecond(rate))
	if left := b.size - at; b.size > 0 && left > 0 && rate > 0 {
		parts = append(parts, "ETA "+wording.Elapsed(time.Duration(float64(left)/rate*float64(time.Second))))
	}
	return strings.Join(append(parts, b.counts()), "  ")
}

func (b *board) counts() string {
	done, lost, late := b.count()
	text := fmt.Sprintf("%s: %d done", machines(len(b.nodes)), done)
	if lost > 0 {
		text += fmt.Sprintf(", %d lost", lost)
	}
	if late > 0 {
		text += fmt.Sprintf(", %d late", late)
	}
	return text
}

func machines(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

func size(bytes int64) string { return wording.Size(uint64(max(0, bytes))) }

// perSecond writes a rate as networks have it, in powers of 1000.
func perSecond(rate float64) string { return fmt.Sprintf("%.1f MB/s", rate/1e6) }

// meterSpan is how far back a rate looks.
const meterSpan = 5 * time.Second

// meter measures a rate in bytes per second over the last while.
type meter struct {
	at        []time.Time
	positions []int64
}

// rate takes a position and returns the rate up to it. A position before the last one, of another machine, begins anew.
func (m *meter) rate(now time.Time, position int64) float64 {
	if n := len(m.positions); n > 0 && position < m.positions[n-1] {
		m.at, m.positions = nil, nil
	}
	m.at, m.positions = append(m.at, now), append(m.positions, position)
	for len(m.at) > 2 && now.Sub(m.at[1]) >= meterSpan {
		m.at, m.positions = m.at[1:], m.positions[1:]
	}
	span := now.Sub(m.at[0]).Seconds()
	if span <= 0 {
		return 0
	}
	return max(0, float64(position-m.positions[0])/span)
}
