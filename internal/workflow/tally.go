package workflow

// tally counts the nodes of a deployment, so that an event costs the same with ten nodes and with ten thousand: the one
// node that an event moves is taken out before and put back after.
type tally struct {
	total int
	ok    int
	ko    int
	alive int // not settled

	stopped int // of those that are OK, at a breakpoint

	expected int // alive, and still to come to the chain or standing before it
	arrived  int // of these, standing before it
	holding  int // of those that stand there, with a part of a transfer
	coming   int // expected, and may come with one: they wait for their agents
}

func (t *tally) add(n *node, sign int) {
	t.total += sign
	switch n.phase {
	case PhaseOK:
		t.ok += sign
		if n.stopped {
			t.stopped += sign
		}
	case PhaseKO:
		t.ko += sign
	case PhaseCut, PhaseCancelled:
	default:
		t.alive += sign
		if n.expectsImage() && n.state != receiving {
			t.expected += sign
			if n.awaits() {
				t.coming += sign
			}
		}
		if n.state == arrived {
			t.arrived += sign
			if n.transfer != "" {
				t.holding += sign
			}
		}
	}
}
