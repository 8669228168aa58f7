package store

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what is kept, in bytes.
const (
	maxName = 255
	maxText = 4 << 10
	maxBlob = 16 << 20
)

// clip makes a text that every database takes: valid UTF-8 without NUL, cut at a limit.
func clip(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "?") // no longer than before: one for each run
	return strings.ReplaceAll(s, "\x00", "?")
}

func name(s string) string { return clip(s, maxName) }
func text(s string) string { return clip(s, maxText) }

// blob is never nil, which would be NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// bytesOrNil gives back what blob was given.
func bytesOrNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// micros is a time as it is kept; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
