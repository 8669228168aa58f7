package nodeset_test

import (
	"slices"
	"testing"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// Whatever Expand accepts, Fold writes back as the same set.
func FuzzExpandFold(f *testing.F) {
	for _, seed := range []string{"node-[1-8].demo", "n[08-11,3],login", "r[1-2]n[01-02].x", "n[98-101]", "[", "a,,b", "1[2]3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		names, err := nodeset.Expand(pattern)
		if err != nil || len(names) > 2000 {
			return
		}
		again, err := nodeset.Expand(nodeset.Fold(names))
		if err != nil {
			t.Fatalf("Fold(%q) = %q: %v", names, nodeset.Fold(names), err)
		}
		slices.Sort(names)
		slices.Sort(again)
		if want := slices.Compact(names); !slices.Equal(want, again) {
			t.Fatalf("Fold(%q) stands for %q", want, again)
		}
	})
}

// The order is total: antisymmetric, transitive, and 0 only for equal names.
func FuzzCompare(f *testing.F) {
	f.Add("n1", "n01", "n2")
	f.Add("a", "1", "a1")
	f.Add("n", "n-", "n10")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if sign(nodeset.Compare(a, b)) != -sign(nodeset.Compare(b, a)) {
			t.Fatalf("%q and %q: both before the other", a, b)
		}
		if (nodeset.Compare(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q compare as equal", a, b)
		}
		if nodeset.Less(a, b) && nodeset.Less(b, c) && !nodeset.Less(a, c) {
			t.Fatalf("%q < %q < %q but not the first before the last", a, b, c)
		}
	})
}

func sign(n int) int { return max(-1, min(1, n)) }
