package topology_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/topology"
)

// parse reads NAME[@SWITCH][/RACK] words.
func parse(text string) []topology.Place {
	var places []topology.Place
	for word := range strings.FieldsSeq(text) {
		var p topology.Place
		word, p.Rack, _ = strings.Cut(word, "/")
		p.Name, p.Switch, _ = strings.Cut(word, "@")
		places = append(places, p)
	}
	return places
}

func itself(p topology.Place) topology.Place { return p }

var _ = DescribeTable("The order of a chain", func(nodes, want string) {
	var names []string
	for _, p := range topology.Order(parse(nodes), itself) {
		names = append(names, p.Name)
	}
	Expect(strings.Join(names, " ")).To(Equal(want))
},
	Entry("is the natural one when nothing is known", "n10 n2 n1 m3", "m3 n1 n2 n10"),
	Entry("is the natural one on a single switch", "n10@a n2@a n1@a", "n1 n2 n10"),
	Entry("keeps the nodes of a switch together", "n1@a n2@b n3@a n4@b", "n1 n3 n2 n4"),
	Entry("places a switch by its first node, whatever its name", "n1@z n2@a n10@z", "n1 n10 n2"),
	Entry("keeps the switches of a rack together", "n1@a/r1 n2@b/r2 n3@c/r1 n4@a/r1 n5@b/r2", "n1 n4 n3 n2 n5"),
	Entry("goes by racks where no switch is known", "n1/r1 n2/r2 n3/r1 n4/r2", "n1 n3 n2 n4"),
	Entry("makes a group of the nodes without a place", "n1 n2@a n3 n4@a", "n1 n3 n2 n4"),
	Entry("takes a switch that is named in two racks for one", "n1@a/r1 n2@b/r2 n3@a/r2 n4@c/r1", "n1 n3 n4 n2"),
	Entry("learns the rack of a switch from any of its nodes", "n1@a n2@b/r1 n3@a/r1", "n1 n3 n2"),
	Entry("knows a switch from a rack of the same name", "n1@x n2/x n3@x n4/x", "n1 n3 n2 n4"),
	Entry("of nobody is nothing", "", ""),
)

// FuzzOrder holds random networks to the promise: no group is entered twice.
func FuzzOrder(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(3), uint8(2))
	f.Add(uint64(7), uint8(200), uint8(30), uint8(5))
	f.Add(uint64(9), uint8(40), uint8(0), uint8(4))
	f.Fuzz(func(t *testing.T, seed uint64, nodes, switches, racks uint8) {
		places := network(rand.New(rand.NewPCG(seed, 0)), int(nodes), int(switches), int(racks))
		before := slices.Clone(places)
		chain := topology.Order(places, itself)
		if !slices.Equal(places, before) {
			t.Fatal("its argument was changed")
		}
		byName := func(a, b topology.Place) int { return nodeset.Compare(a.Name, b.Name) }
		if !slices.Equal(slices.SortedFunc(slices.Values(chain), byName), slices.SortedFunc(slices.Values(before), byName)) {
			t.Fatal("nodes were lost or came twice")
		}
		once(t, chain, "switch", func(p topology.Place) string { return p.Switch })
		once(t, chain, "rack", func(p topology.Place) string { return p.Rack })
	})
}

// network draws nodes on switches; each switch is in one rack, as it is in the world. Some nodes are on no known switch, and
// then in no known rack; with no switches at all, racks are known directly.
func network(random *rand.Rand, nodes, switches, racks int) []topology.Place {
	var places []topology.Place
	for _, i := range random.Perm(nodes) {
		p := topology.Place{Name: fmt.Sprintf("node-%d", i+1)}
		if sw := random.IntN(switches + 1); sw > 0 {
			p.Switch = fmt.Sprintf("sw%d", sw)
			p.Rack = fmt.Sprintf("r%d", sw%(racks+1))
		} else if switches == 0 {
			p.Rack = fmt.Sprintf("r%d", random.IntN(racks+1))
		}
		places = append(places, p)
	}
	return places
}

// once fails unless the chain changes groups one time less than there are groups, and is in natural order inside of each.
func once(t *testing.T, chain []topology.Place, what string, group func(topology.Place) string) {
	groups, changes := make(map[string]bool), 0
	for i, p := range chain {
		groups[group(p)] = true
		if i == 0 {
			continue
		}
		before := chain[i-1]
		switch {
		case group(before) != group(p):
			changes++
		case what == "switch" && before.Rack == p.Rack && !nodeset.Less(before.Name, p.Name):
			t.Fatalf("%s comes before %s on %s %q", before.Name, p.Name, what, group(p))
		}
	}
	if len(chain) > 0 && changes != len(groups)-1 {
		t.Fatalf("%d changes of %s for %d of them: %v", changes, what, len(groups), chain)
	}
}
