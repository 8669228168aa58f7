// Package fit makes texts from outside fit for a database: whatever a node or a user says, both databases take what comes out.
package fit

import (
	"strings"
	"unicode/utf8"
)

// Clip makes a text that every database takes: valid UTF-8 without NUL, cut at a limit in bytes.
func Clip(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "?") // no longer than before: one for each run
	return strings.ReplaceAll(s, "\x00", "?")
}
