package link

import (
	"crypto/tls"
	"errors"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// Headers of every message that came over the link; whatever the peer put there is gone.
const (
	PeerHeader     = "x-peer"     // the address of the peer that sent it
	IdentityHeader = "x-identity" // whom its certificate names, such as ka://user/alice
)

// identified is whom the certificate names that the other side of a finished handshake has shown. That it is good was checked in the
// handshake, by the configuration that the handshake was made with.
func identified(state tls.ConnectionState) (pki.Identity, error) {
	if len(state.PeerCertificates) == 0 {
		return pki.Identity{}, errors.New("a connection without a certificate")
	}
	return pki.Of(state.PeerCertificates[0])
}
