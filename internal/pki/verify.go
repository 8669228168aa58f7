package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Verify is who a peer is that shows a chain of certificates, of which the first is its own. The certificate must be of this
// authority, good at that time, for both ends of a connection, carry exactly one identity and not be denied. Errors: ErrForeign,
// ErrExpired, ErrDenied; any other when the deny list cannot be read.
func (a *Authority) Verify(chain []*x509.Certificate, now time.Time) (Identity, error) {
	id, err := verify(a.pool, chain, now)
	if err != nil {
		return Identity{}, err
	}
	if err := a.Denied(chain[0]); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// verify is Verify without the deny list.
func verify(roots *x509.CertPool, chain []*x509.Certificate, now time.Time) (Identity, error) {
	if len(chain) == 0 {
		return Identity{}, fmt.Errorf("%w: there is none", ErrForeign)
	}
	leaf := chain[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return Identity{}, fmt.Errorf("%w, or is not good yet: it is good from %s to %s", ErrExpired,
			leaf.NotBefore.UTC().Format(time.DateTime), leaf.NotAfter.UTC().Format(time.DateTime))
	} else if err != nil {
		return Identity{}, ErrForeign
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if !slices.Contains(leaf.ExtKeyUsage, usage) {
			return Identity{}, fmt.Errorf("%w: it is not for both ends of a connection", ErrForeign)
		}
	}
	id, err := Of(leaf)
	if err != nil || leaf.IsCA {
		return Identity{}, fmt.Errorf("%w: it carries no identity", ErrForeign)
	}
	return id, nil
}
