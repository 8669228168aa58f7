package fit_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// FuzzPlain: a cause comes from a node, and its plain form is a key of a table.
func FuzzPlain(f *testing.F) {
	f.Add("blue-1: no answer from 10.0.0.1", "blue-1")
	f.Add("\x00\xff"+strings.Repeat("é", 300), "")
	f.Fuzz(func(t *testing.T, cause, node string) {
		p := fit.Plain(cause, node)
		if len(p) > 200 || !utf8.ValidString(p) || strings.ContainsAny(p, "\x00123456789") {
			t.Errorf("%q", p)
		}
		for _, limit := range []int{0, 1, 5, 255} {
			if c := fit.Clip(cause, limit); len(c) > limit || !utf8.ValidString(c) || strings.Contains(c, "\x00") {
				t.Errorf("%d: %q", limit, c)
			}
		}
	})
}
