package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// maxSkew is by how much the clock of who reads a certificate may be behind ours, if its life is not short.
const maxSkew = 5 * time.Minute

// Errors of Sign and Renew, for errors.Is. What they wrap says more, and no secrets.
var (
	ErrRequest = errors.New("the request for a certificate is not good")
	ErrForeign = errors.New("the certificate is not of this authority")
	ErrExpired = errors.New("the certificate has expired")
	ErrDenied  = errors.New("the certificate was revoked")
	ErrKind    = errors.New("certificates of this kind are not issued in this way")
	ErrKey     = errors.New("the request is for another key than the certificate")
)

// Sign certifies the key of a request (PKCS #10, DER, at most 8 KiB): that its holder is id, a user or a node. Nothing of the request
// but its key is looked at, which must be of P-256 or Ed25519 and have signed it. The certificate is PEM. It is good even when id
// was denied before. Errors: ErrRequest, ErrKind.
func (a *Authority) Sign(csrDER []byte, id Identity) (certPEM []byte, err error) {
	if id.Kind != KindUser && id.Kind != KindNode {
		return nil, fmt.Errorf("%w: %s", ErrKind, id)
	}
	if id, err = check(id); err != nil {
		return nil, err
	}
	key, err := requestKey(csrDER)
	if err != nil {
		return nil, err
	}
	at, err := a.issueMoment(id, func(denial, bool) error { return nil })
	if err != nil {
		return nil, err
	}
	der, err := a.issue(key, id, at, nil)
	if err != nil {
		return nil, err
	}
	return EncodePEM(TypeCertificate, der), nil
}

// CheckRequest says whether Sign would take a request: ErrRequest.
func CheckRequest(csrDER []byte) error {
	_, err := requestKey(csrDER)
	return err
}

// Renew gives a user a new certificate for an old one (DER), which may have expired, but not for longer than the grace, and for
// a request that was signed by the same key. Errors: ErrForeign, ErrExpired, ErrDenied, ErrKind, ErrKey, ErrRequest.
func (a *Authority) Renew(oldCertDER, csrDER []byte) (certPEM []byte, err error) {
	id, old, err := a.renewable(oldCertDER)
	if err != nil {
		return nil, err
	}
	key, err := requestKey(csrDER)
	if err != nil {
		return nil, err
	}
	if !samePublic(old.PublicKey, key) {
		return nil, ErrKey
	}
	at, err := a.issueMoment(id, func(d denial, found bool) error { return d.refuses(old, id, found) })
	if err != nil {
		return nil, err
	}
	der, err := a.issue(key, id, at, nil)
	if err != nil {
		return nil, err
	}
	return EncodePEM(TypeCertificate, der), nil
}

// Renewable is whom Renew would give a new certificate for an old one, if the request is good.
func (a *Authority) Renewable(oldCertDER []byte) (Identity, error) {
	id, _, err := a.renewable(oldCertDER)
	return id, err
}

func (a *Authority) renewable(oldCertDER []byte) (Identity, *x509.Certificate, error) {
	if len(oldCertDER) > maxDER {
		return Identity{}, nil, ErrForeign
	}
	old, err := x509.ParseCertificate(oldCertDER)
	if err != nil {
		return Identity{}, nil, ErrForeign
	}
	now := a.config.Now()
	if now.After(old.NotAfter) && now.Sub(old.NotAfter) <= a.config.RenewGrace {
		now = old.NotAfter // within the grace it is as good as it was at its end
	}
	id, err := a.Verify([]*x509.Certificate{old}, now)
	switch {
	case err != nil:
		return Identity{}, nil, err
	case id.Kind != KindUser:
		return Identity{}, nil, fmt.Errorf("%w: %s", ErrKind, id)
	}
	return id, old, nil
}

// requestKey is the key of a request, which has signed it.
func requestKey(csrDER []byte) (any, error) {
	if len(csrDER) > maxDER {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrRequest, maxDER)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not PKCS #10", ErrRequest)
	}
	switch key := csr.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: its key is not of P-256 or Ed25519", ErrRequest)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("%w: its key is not of P-256 or Ed25519", ErrRequest)
	}
	if csr.CheckSignature() != nil {
		return nil, fmt.Errorf("%w: its key has not signed it", ErrRequest)
	}
	return csr.PublicKey, nil
}

// issue makes a certificate, as of a moment, which is about now. The subject stays empty, so that nobody can take it for the
// identity. names are DNS names and addresses of the server, for programs that look at such.
func (a *Authority) issue(key any, id Identity, at time.Time, names []string) ([]byte, error) {
	uri, err := url.Parse(id.String())
	if err != nil {
		return nil, err
	}
	life, now := a.life(id.Kind), a.config.Now()
	template := &x509.Certificate{
		SerialNumber:          serialAt(at),
		NotBefore:             now.Add(-min(maxSkew, life/10)),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{uri},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
}

// serialAt is a serial number that tells when it was given: 64 bits of nanoseconds since 1970, 64 of chance. The dates in a
// certificate count seconds, which is too coarse to say whether a denial came before it.
func serialAt(at time.Time) *big.Int {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixNano()))
	rand.Read(b[8:])
	return new(big.Int).SetBytes(b[:])
}

// issuedAt is the moment of a serial number.
func issuedAt(serial *big.Int) time.Time {
	high := new(big.Int).Rsh(serial, 64)
	if !high.IsInt64() {
		return time.Time{} // not ours; before every denial
	}
	return time.Unix(0, high.Int64())
}
