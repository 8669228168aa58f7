package store

import (
	"regexp"
	"strings"
)

// maxPlain bounds a cause without its particulars, in bytes.
const maxPlain = 200

// particular is what differs between two failures of one cause: digests, keys and numbers.
var particular = regexp.MustCompile(`\b[0-9a-fA-F]{12,}\b|[0-9]+`)

// plain is a cause without the name of its node and without numbers, so that the same cause is counted as one.
func plain(cause, node string) string {
	cause = text(cause)
	if node != "" {
		cause = strings.ReplaceAll(cause, node, "NODE")
	}
	return clip(particular.ReplaceAllString(cause, "N"), maxPlain)
}
