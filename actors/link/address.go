package link

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Addresses of the actor systems on a link are names, not places: nothing that a peer says makes anybody dial. A client knows where
// the daemon is; the daemon reaches a client over a connection that the client has parked.
const (
	DaemonAddress = "daemon:1"

	clientPrefix = "client-"
	clientSuffix = ":1"
	clientDigits = 32
)

// newClientAddress is one that nobody else has, or guesses.
func newClientAddress() string {
	var random [clientDigits / 2]byte
	_, _ = rand.Read(random[:]) // it never fails
	return clientPrefix + hex.EncodeToString(random[:]) + clientSuffix
}

// isClient tells whether text is an address that a client may have, written in the one way that is compared with others.
func isClient(text string) bool {
	digits, ok := strings.CutPrefix(text, clientPrefix)
	if ok {
		digits, ok = strings.CutSuffix(digits, clientSuffix)
	}
	return ok && len(digits) == clientDigits && strings.Trim(digits, "0123456789abcdef") == ""
}
