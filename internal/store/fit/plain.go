package fit

import (
	"regexp"
	"strings"
)

// Bounds in bytes: of what is looked at, and of what comes out.
const (
	maxCause = 4 << 10
	maxPlain = 200
)

// particular is what differs between two failures of one cause: digests, keys and numbers.
var particular = regexp.MustCompile(`\b[0-9a-fA-F]{12,}\b|[0-9]+`)

// Plain is a cause without the name of its node and without numbers, so that the same cause is counted as one.
func Plain(cause, node string) string {
	cause = Clip(cause, maxCause)
	if node != "" {
		cause = strings.ReplaceAll(cause, node, "NODE")
	}
	return Clip(particular.ReplaceAllString(cause, "N"), maxPlain)
}
