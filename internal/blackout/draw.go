package blackout

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// nodes is the size of the site.
const nodes = 8

// Scenario is what happens in one run: all of it comes from the seed.
type Scenario struct {
	Seed     uint64
	Faults   [nodes]string // of the sandbox nodes; "" for none
	Process  bool          // agents are processes of their own, which outlive the daemon for a moment
	Requests []Request
	Kills    []time.Duration // after the daemon was started, each
}

// Request is one that a user makes.
type Request struct {
	After    time.Duration // the one before
	Nodes    []int         // from 1
	MinNodes string
	Reboot   bool
	Cancel   time.Duration // after its acceptance; 0: not
}

var faults = []string{"", "", "", "boot-fails:1", "boot-fails:2@0.5", "agent-crash:format_deploy_part@0.5", "slow-boot:0.4", "never-boots", "slow-disk:2MB"}

// Draw makes the scenario of a seed.
func Draw(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 0xb1ac0))
	s := Scenario{Seed: seed, Process: r.IntN(4) == 0}
	for i := range s.Faults {
		s.Faults[i] = faults[r.IntN(len(faults))]
	}
	for range 2 + r.IntN(3) {
		s.Requests = append(s.Requests, drawRequest(r))
	}
	for range 2 + r.IntN(4) {
		s.Kills = append(s.Kills, time.Duration(r.ExpFloat64()*float64(900*time.Millisecond)))
	}
	return s
}

func drawRequest(r *rand.Rand) Request {
	q := Request{After: time.Duration(r.IntN(1500)) * time.Millisecond, Reboot: r.IntN(5) == 0}
	for _, i := range r.Perm(nodes)[:1+r.IntN(nodes)] {
		q.Nodes = append(q.Nodes, i+1)
	}
	if r.IntN(2) == 0 {
		q.MinNodes = fmt.Sprint(1 + r.IntN(len(q.Nodes)))
	}
	if r.IntN(6) == 0 {
		q.Cancel = time.Duration(1+r.IntN(2000)) * time.Millisecond
	}
	return q
}
