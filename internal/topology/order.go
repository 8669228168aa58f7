// Package topology puts the nodes of a chain in an order that crosses each uplink of the network once.
//
// It is pure and knows two levels: a node is plugged into a switch, and a switch belongs to a rack. Links between racks are
// the scarcest, those between switches come next.
package topology

import (
	"cmp"
	"slices"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Place is where a node is in the network. What is not known is "".
type Place struct{ Name, Switch, Rack string }

// uplink is what the node's traffic to most others goes through: that of its switch, or where none is known of its rack.
type uplink struct{ sw, rack string }

func (p Place) uplink() uplink {
	if p.Switch != "" {
		return uplink{sw: p.Switch}
	}
	return uplink{rack: p.Rack}
}

// Order returns the nodes in the order of a chain: those of one switch follow each other, and so do the switches of one rack.
// Within these groups, and among them by their first nodes, the order is the natural one of names. Nodes of which nothing is
// known are a group like another, so that without any knowledge the whole order is the natural one.
//
// A switch in two racks counts for the rack of its first node that names one.
func Order[T any](nodes []T, at func(T) Place) []T {
	sorted := slices.Clone(nodes)
	slices.SortStableFunc(sorted, func(a, b T) int { return nodeset.Compare(at(a).Name, at(b).Name) })

	racks := make(map[uplink]string)
	for _, n := range sorted {
		if p := at(n); racks[p.uplink()] == "" {
			racks[p.uplink()] = p.Rack
		}
	}
	rackRank, rank := make(map[string]int), make(map[uplink]int)
	for i, n := range sorted {
		up := at(n).uplink()
		if _, seen := rank[up]; !seen {
			rank[up] = i
		}
		if _, seen := rackRank[racks[up]]; !seen {
			rackRank[racks[up]] = i
		}
	}
	slices.SortStableFunc(sorted, func(a, b T) int {
		x, y := at(a).uplink(), at(b).uplink()
		return cmp.Or(cmp.Compare(rackRank[racks[x]], rackRank[racks[y]]), cmp.Compare(rank[x], rank[y]))
	})
	return sorted
}
