// Package wording words sizes, times and texts from outside for people.
package wording

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// maxText bounds one line of text from outside, in runes.
const maxText = 500

// Clean makes one printable line of a text from outside: control and formatting characters, which a terminal would
// obey, become blanks, and what is longer than 500 characters is cut.
func Clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxText {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// Size writes a number of bytes for people: 1.2 GiB.
func Size(bytes uint64) string {
	const units = "KMGTPE"
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// Elapsed writes a duration for people: 6.2 s, 2 min 05 s, 1 h 02 min.
func Elapsed(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 99950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}
