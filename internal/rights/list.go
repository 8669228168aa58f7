package rights

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Row is grants that differ in their nodes only.
type Row struct {
	User  string
	Nodes []string // in natural order
	Part  string
	Until time.Time
	By    string
	At    time.Time
}

// List gathers the grants, over or not, that keep accepts; nil accepts all. Rows are ordered by user, first node and partition.
func (b *Book) List(keep func(Grant) bool) []Row {
	rows := make(map[Grant][]string) // by the grant without its node
	for _, grants := range b.held {
		for _, g := range grants {
			if keep == nil || keep(g) {
				key := g
				key.Node = ""
				rows[key] = append(rows[key], g.Node)
			}
		}
	}
	var all []Row
	for _, g := range slices.Collect(maps.Keys(rows)) {
		nodes := rows[g]
		slices.SortFunc(nodes, nodeset.Compare)
		all = append(all, Row{g.User, nodes, g.Part, g.Until, g.By, g.At})
	}
	slices.SortFunc(all, func(x, y Row) int {
		return cmp.Or(strings.Compare(x.User, y.User), nodeset.Compare(x.Nodes[0], y.Nodes[0]), strings.Compare(x.Part, y.Part),
			x.At.Compare(y.At), x.Until.Compare(y.Until), strings.Compare(x.By, y.By))
	})
	return all
}

// moment is a time without its zone and its monotonic reading, to the second: times of a book are equal when they are the same moment,
// wherever and however they were read.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0).Truncate(time.Second)
}
