package config

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest is the known name most like the given one, "" when none is near enough to have been meant.
func nearest(name string, known []string) string {
	best, bestDistance := "", 1+len(name)/4
	if len(name) > 100 {
		return ""
	}
	for _, candidate := range known {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(candidate), nil)
		if d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// didYouMean is the hint for an unknown name, "" when there is nothing to suggest.
func didYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// choice checks that text is one of the known words.
func choice(text string, known ...string) error {
	for _, word := range known {
		if text == word {
			return nil
		}
	}
	f := faultf(0, "unknown value %q (known: %s)", text, strings.Join(known, ", "))
	f.hint = didYouMean(text, known)
	return f
}
