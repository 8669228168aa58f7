package workflow

import (
	"fmt"
	"strings"
)

// didYouMean is `, did you mean "X"?` for the known name nearest to a wrong one, "" when none is near.
func didYouMean(name string, known []string) string {
	best, bestDistance := "", 0
	for _, candidate := range known {
		d := distance(strings.ToLower(head(name, 60)), strings.ToLower(candidate))
		if best == "" || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" || bestDistance > max(1, len(best)/3) {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the number of bytes to insert, delete or replace between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
