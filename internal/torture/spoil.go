package torture

import (
	"slices"
	"strings"
)

// surely is how many bits must be expected to flip on the way to a receiver before one that did can be asked for: with so many, none
// at all is no accident.
const surely = 40

// spoiled: what a way flips is counted in the report, and nothing else is; and whoever left the chain was given up by somebody, for a cause.
func (j *judge) spoiled() {
	counted := slices.ContainsFunc(j.Report.Nodes, func(n Node) bool { return n.Corrupt > 0 })
	bad := slices.ContainsFunc(j.Faults, func(f Fault) bool { return f.Kind == Corrupting })
	for i, n := range j.Report.Nodes {
		if n.Corrupt > 0 && !bad {
			j.complain("%s has %d corrupt chunks in the report, and no way flips bits", hostName(i), n.Corrupt)
		}
		if n.OK && !counted && j.flips(i) >= surely && !n.Late && len(n.Skips) == 0 {
			j.complain("the way to %s flips bits, and the report counts none", hostName(i))
		}
		for _, s := range n.Skips {
			if s.By != "the head" && !slices.Contains(j.names, s.By) || s.Cause == "" || strings.ContainsAny(s.Cause, "\n\r\t") {
				j.complain("%s left the chain, by %q, for %q", hostName(i), s.By, s.Cause)
			}
		}
	}
}

// flips is how many bits of the image are to be expected to flip on the way to a receiver. With TLS that ends the connection instead.
func (j *judge) flips(i int) float64 {
	f, ok := j.has(i, Corrupting)
	if !ok || f.Ways == "out" || j.TLS {
		return 0
	}
	return f.Amount * float64(j.Size) / mib
}
