package workflow

import "time"

// HostReport is what became of a node, or where it stands.
type HostReport struct {
	Host     string
	Phase    Phase
	Macros   []MacroTime // those it has entered, in the order of the plan
	Macro    Macro       // where it stands, or stood when it failed; "" when it never ran
	Instance string
	Micro    Micro
	Cause    string // of its last failure, or why it was cut off; one line, "" when none and when it is OK
	Evidence string
	Stopped  bool // OK, and at a breakpoint before Micro
}

// MacroTime is what a macro-step took a node.
type MacroTime struct {
	Macro    Macro
	Instance string        // tried last
	Tries    int           // of all its instances; tries of a micro-step in place are not counted
	Took     time.Duration // wall clock, with the waits for others and between tries
}

// Report says of every node, in the order of the configuration, what became of it up to now.
func (d *Deployment) Report(now time.Time) []HostReport {
	reports := make([]HostReport, len(d.nodes))
	for i, n := range d.nodes {
		reports[i] = n.report(now)
	}
	return reports
}

// Phase is where a node stands, "" for an unknown host.
func (d *Deployment) Phase(host string) Phase {
	if n := d.byHost[host]; n != nil {
		return n.phase
	}
	return ""
}

// Counts are the nodes that are OK, that are KO, and that are not settled yet; those cut off or cancelled are in none.
func (d *Deployment) Counts() (ok, ko, alive int) {
	return d.tally.ok, d.tally.ko, d.tally.alive
}

func (n *node) report(now time.Time) HostReport {
	r := HostReport{
		Host:     n.Host,
		Phase:    n.phase,
		Macro:    n.place.macro,
		Instance: n.place.instance,
		Micro:    n.place.micro,
		Cause:    n.cause,
		Evidence: n.evidence,
		Stopped:  n.stopped,
	}
	for i, v := range n.visits {
		if v.entered {
			r.Macros = append(r.Macros, MacroTime{n.Plan.Macros[i].Macro, v.last, v.tries, v.sum(now)})
		}
	}
	return r
}
