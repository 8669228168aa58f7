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
	Process  bool          // agents are processes of their own; those of machines in the daemon outlive it for a moment
	Requests []Request
	Kills    []time.Duration // after the daemon was started, each
	Apart    bool            // the machines are in a process of their own, and outlive the daemon with their agents
}

// Request is one that a user makes.
type Request struct {
	After    time.Duration // the one before
	Nodes    []int         // from 1
	MinNodes string
	Reboot   bool
	Level    string        // of a reboot
	Cancel   time.Duration // after its acceptance; 0: not
	Fetched  int           // the environment of the catalogue that it names, from 1; 0: it brings a description
	Custom   Place         // of its custom operation; zero: it has none
	Prepares bool          // it only prepares the disks, by a pre-install, and stops before the broadcast
}

// Place is where a custom operation belongs.
type Place struct{ Macro, Micro, When string }

var places = []Place{
	{"SetDeploymentEnv", "format_deploy_part", "post-ops"},
	{"BroadcastEnv", "manage_user_post_install", "pre-ops"},
	{"BroadcastEnv", "sync", "post-ops"},
	{"BootNewEnv", "switch_pxe", "pre-ops"},
}

var faults = []string{"", "", "", "boot-fails:1", "boot-fails:2@0.5", "agent-crash:format_deploy_part@0.5", "slow-boot:0.4", "never-boots", "slow-disk:2MB"}

// Draw makes the scenario of a seed. Where the machines outlive the daemon, more is asked, for fewer nodes at a time, and the daemon lives a
// little longer: an agent needs up to three seconds to call again.
func Draw(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 0xb1ac0))
	s := Scenario{Seed: seed, Process: r.IntN(4) == 0, Apart: r.IntN(3) > 0}
	for i := range s.Faults {
		s.Faults[i] = faults[r.IntN(len(faults))]
	}
	requests, most, life := 2+r.IntN(3), nodes, 900*time.Millisecond
	if s.Apart {
		requests, most, life = 2*requests, nodes/2, 2*life
	}
	for range requests {
		s.Requests = append(s.Requests, drawRequest(r, most))
	}
	for range 2 + r.IntN(4) {
		s.Kills = append(s.Kills, time.Duration(r.ExpFloat64()*float64(life)))
	}
	more := rand.New(rand.NewPCG(seed, 0xdeed)) // of its own: what a seed draws above stays as it was
	for i := range s.Requests {
		s.Requests[i].drawDeeds(more)
	}
	return s
}

// drawDeeds gives a request what must not be done twice. Most deployments have none: an agent keeps no image behind a custom operation.
func (q *Request) drawDeeds(r *rand.Rand) {
	switch n := r.IntN(8); {
	case q.Reboot:
		q.Level = []string{"soft", "hard"}[n%2]
	case n == 0 && q.Fetched == 0:
		q.Prepares = true
	case n < 3:
		q.Custom = places[r.IntN(len(places))]
	}
}

// drawRequest makes one for some nodes, at most so many.
func drawRequest(r *rand.Rand, most int) Request {
	q := Request{After: time.Duration(r.IntN(1500)) * time.Millisecond, Reboot: r.IntN(5) == 0}
	for _, i := range r.Perm(nodes)[:1+r.IntN(most)] {
		q.Nodes = append(q.Nodes, i+1)
	}
	if r.IntN(2) == 0 {
		q.MinNodes = fmt.Sprint(1 + r.IntN(len(q.Nodes)))
	}
	if r.IntN(6) == 0 {
		q.Cancel = time.Duration(1+r.IntN(2000)) * time.Millisecond
	}
	if n := r.IntN(2 * fetchedImages); n < fetchedImages && !q.Reboot {
		q.Fetched = n + 1
	}
	return q
}
